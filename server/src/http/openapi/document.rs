//! The OpenAPI document of a database.

use orrery_host_abi::{Hash, ModuleDef};
use serde_json::{Value, json};

use super::{
    Audience, answers,
    operations::{HANDLERS, Operations, PROCEDURES, REDUCERS, VIEWS},
    schema::Schemas,
};

/// The version of OpenAPI.
const OPENAPI: &str = "3.1.1";

const ABOUT: &str = "\
What the module of this database offers over HTTP.

Whoever sends no token acts under a new identity each time. `POST /v1/identity` gives one to keep.

Rows of views and arguments for them are plain JSON. Arguments of calls are SATS-JSON: structs as objects (or arrays of their members in order), \
a variant with its payload as `{\"variant\": payload}` (or `[tag, payload]`), an option as `{\"some\": value}` or \
`null`, bytes as hexadecimal digits (or an array of numbers). Numbers that are longer than 64 bits or than 53 bits \
are whole in all of these: a client should not read them as floating point.";

/// The document for the database that a URL calls `name`.
///
/// The same arguments give the same text.
pub(super) fn document(name: &str, program: Hash, module: &ModuleDef, audience: Audience) -> Value {
    let mut schemas = Schemas::new(module);
    let paths = Operations::of(module, &mut schemas, audience);
    json!({
        "openapi": OPENAPI,
        "info": { "title": name, "version": program.to_number_hex(), "description": ABOUT },
        // Relative to the document's own URL, so that it holds behind any proxy. Without a slash at the end, for
        // paths are appended.
        "servers": [{ "url": format!("../{name}"), "description": "This database" }],
        "security": [{}, { "token": [] }],
        "tags": tags(),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Says who the caller is. `POST /v1/identity` gives one.",
                },
            },
            "parameters": {
                "Limit": {
                    "name": "limit",
                    "in": "query",
                    "description": "At most so many rows.",
                    "schema": { "type": "integer", "minimum": 0 },
                },
                "Offset": {
                    "name": "offset",
                    "in": "query",
                    "description": "From this row on, counted from zero.",
                    "schema": { "type": "integer", "minimum": 0 },
                },
                "IfNoneMatch": {
                    "name": "If-None-Match",
                    "in": "header",
                    "description": "The `ETag` of the answer that the client has.",
                    "schema": { "type": "string" },
                },
            },
            "headers": answers::header_components(),
            "responses": answers::response_components(),
            "schemas": schemas.finish(),
        },
    })
}

fn tags() -> Value {
    json!([
        { "name": REDUCERS, "description": "Functions that change the data, in one transaction each." },
        { "name": PROCEDURES, "description": "Functions that may wait, send requests and open transactions." },
        { "name": VIEWS, "description": "What the data shows, as rows." },
        { "name": HANDLERS, "description": "What the module answers itself." },
    ])
}
