//! Every column type, index, constraint, view and error that a module can meet.
//!
//! A file for each subject. Reducers say what they saw in [`notes`]: a table whose rows the view of that name
//! shows in order, so that the same script gives the same transcript whatever a module is written in.

mod constraints;
mod context;
mod events;
mod faults;
mod indexes;
mod logging;
mod names;
mod notes;
mod queries;
mod sequences;
mod types;
mod views;
