//! Views as clients see them: answers that are kept while they hold, and views that are watched. A model says what
//! they must show.

mod cached;
mod support;
mod watched;
