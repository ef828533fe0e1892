//! A database of one test's own, and who owns it.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::{
    Server,
    http::{Client, Response},
    modules::Language,
};

/// A published module and its owner.
#[derive(Debug)]
pub struct Database {
    /// A name that nobody else uses.
    pub name: String,
    /// Who published it.
    pub owner: Client,
}

impl Database {
    /// Publishes a module in Rust under a new name as a new owner.
    #[track_caller]
    pub fn publish(server: &Server, module: &str) -> Self {
        Self::publish_in(Language::Rust, server, module)
    }

    /// Publishes a module under a new name as a new owner.
    #[track_caller]
    pub fn publish_in(language: Language, server: &Server, module: &str) -> Self {
        let database = Self { name: Self::new_name(), owner: server.new_client() };
        database.owner.publish_program(&database.name, &language.program(module)).expect(200);
        database
    }

    /// A name that nobody else uses.
    pub fn new_name() -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        format!("database-{}", NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// A URL below the database's own.
    pub fn url(&self, below: &str) -> String {
        format!("/v1/database/{}{below}", self.name)
    }

    /// The owner calls a reducer.
    #[track_caller]
    pub fn call(&self, reducer: &str, arguments: &str) -> Response {
        self.owner.call(&self.name, reducer, arguments)
    }

    /// The owner asks for a view.
    #[track_caller]
    pub fn view(&self, view: &str) -> Response {
        self.owner.view(&self.name, view)
    }

    /// The rows of a view that must answer the owner.
    #[track_caller]
    pub fn rows(&self, view: &str) -> Vec<Value> {
        self.owner.rows(&self.name, view)
    }

    /// The column `text` of a view that must answer the owner.
    #[track_caller]
    pub fn texts(&self, view: &str) -> Vec<String> {
        let text = |row: &Value| row["text"].as_str().expect("the column text is text").to_string();
        self.rows(view).iter().map(text).collect()
    }

    /// What the module's log says, a message a line, without what the host wrote.
    #[track_caller]
    pub fn log_messages(&self) -> Vec<String> {
        let lines = self.owner.logs(&self.name);
        let lines = lines.iter().filter(|line| line["target"] != "__spacetimedb__");
        lines.map(|line| line["message"].as_str().expect("a message").to_string()).collect()
    }
}
