//! A project in Rust.

/// The version of the official crate that is known to work.
const SPACETIMEDB_VERSION: &str = "2.8.2";

/// Its files: where, and what is in them.
pub(super) fn files(name: &str) -> Vec<(&'static str, String)> {
    vec![("Cargo.toml", manifest(name)), (".gitignore", "/target\n".into()), ("src/lib.rs", LIB.into())]
}

fn manifest(name: &str) -> String {
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[dependencies]
log = "0.4"
spacetimedb = "={SPACETIMEDB_VERSION}"

[profile.release]
lto = "thin"
"#
    )
}

const LIB: &str = r#"use spacetimedb::{AnonymousViewContext, ReducerContext, Table, Timestamp};

/// People who have said hello.
#[spacetimedb::table(accessor = person)]
pub struct Person {
    #[primary_key]
    #[auto_inc]
    id: u64,
    name: String,
    #[index(btree)]
    met: Timestamp,
}

/// Adds somebody.
#[spacetimedb::reducer]
pub fn add(ctx: &ReducerContext, name: String) -> Result<(), String> {
    if name.is_empty() {
        return Err("a person needs a name".into());
    }
    let person = ctx.db.person().insert(Person { id: 0, name, met: ctx.timestamp });
    log::info!("{} is number {}", person.name, person.id);
    Ok(())
}

/// Everybody, in the order in which they came.
#[spacetimedb::view(accessor = people, public)]
pub fn people(ctx: &AnonymousViewContext) -> Vec<Person> {
    ctx.db.person().met().filter(Timestamp::UNIX_EPOCH..).collect()
}
"#;
