//! Databases that run code: a store of rows, engines for modules, and the worker that brings them together.

pub mod store;
