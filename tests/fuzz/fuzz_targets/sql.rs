//! SQL.

#![no_main]

use std::cell::RefCell;

use orrery_fuzz::sql::SmallDatabase;

thread_local! {
    static DATABASE: RefCell<SmallDatabase> = RefCell::default();
}

libfuzzer_sys::fuzz_target!(|text: &str| DATABASE.with_borrow_mut(|database| database.check(text)));
