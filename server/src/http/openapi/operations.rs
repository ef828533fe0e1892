//! What can be asked of a module, and how it is answered: an operation for each function and route.

use std::collections::{BTreeSet, HashMap};

use orrery_host_abi::{
    AlgebraicType, Element, ModuleDef, ProductType,
    module_def::{HttpRouteDef, ViewDef, ViewReturns},
};
use serde_json::{Map, Value, json};

use super::{
    Audience,
    answers::{self, Refusal, answers, headers},
    schema::{Form, Schemas, unused},
};
use crate::segment::escape;

/// The groups of operations, in the order in which they are shown.
pub(super) const REDUCERS: &str = "Reducers";
pub(super) const PROCEDURES: &str = "Procedures";
pub(super) const VIEWS: &str = "Views";
pub(super) const HANDLERS: &str = "HTTP handlers";

/// The methods that OpenAPI can describe.
const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];

/// Which of these are listed for a route that takes any.
const ANY_METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "PATCH"];

/// How a call may be refused, whatever it calls.
const CALL_REFUSALS: [&Refusal; 8] = [
    &answers::INVALID_REQUEST,
    &answers::INVALID_TOKEN,
    &answers::TURNED_AWAY,
    &answers::NOT_FOUND,
    &answers::TOO_SLOW,
    &answers::TOO_LARGE,
    &answers::NOT_JSON,
    &answers::BUSY,
];

/// How the request for a view may be refused.
const VIEW_REFUSALS: [&Refusal; 7] = [
    &answers::INVALID_REQUEST,
    &answers::INVALID_TOKEN,
    &answers::TURNED_AWAY,
    &answers::NOT_FOUND,
    &answers::NOT_ACCEPTABLE,
    &answers::BUSY,
    &answers::VIEW_FAILED,
];

/// The paths of a document with what can be asked there.
pub(super) struct Operations<'m, 's> {
    module: &'m ModuleDef,
    schemas: &'s mut Schemas<'m>,
    audience: Audience,
    /// The ids of the operations, each of which must be another.
    ids: BTreeSet<String>,
    paths: Map<String, Value>,
}

impl<'m, 's> Operations<'m, 's> {
    /// All operations, by their paths below the URL of the database.
    pub(super) fn of(
        module: &'m ModuleDef,
        schemas: &'s mut Schemas<'m>,
        audience: Audience,
    ) -> Map<String, Value> {
        let mut operations = Self { module, schemas, audience, ids: BTreeSet::new(), paths: Map::new() };
        operations.reducers();
        operations.procedures();
        operations.views();
        operations.handlers();
        operations.paths
    }

    fn reducers(&mut self) {
        for (reducer, id) in self.module.reducers.iter().zip(0..) {
            // Those that the host itself calls, nobody else can call.
            if self.module.is_lifecycle(id) || !self.shows(reducer.is_private) {
                continue;
            }
            let done = json!({
                "description": "Done: what the reducer has changed is on disk.",
                "headers": headers(&["ExecutionDuration", "Identity", "IdentityToken"]),
            });
            let refusals = [&answers::FULL, &answers::REDUCER_FAILED];
            let answers = answers(("200", done), CALL_REFUSALS.iter().copied().chain(refusals));
            let about = "Runs in one transaction, and answers when that is on disk. If it fails, nothing has \
                         changed.";
            let operation = self.call(&reducer.name, REDUCERS, about, &reducer.params, &answers);
            self.add_call(&reducer.name, operation, reducer.is_private);
        }
    }

    fn procedures(&mut self) {
        for procedure in &self.module.procedures {
            if !self.shows(procedure.is_private) {
                continue;
            }
            let schema = self.schemas.of(Form::Result, &procedure.return_type);
            let done = json!({
                "description": "Done: this is what the procedure returns, in SATS-JSON without names.",
                "headers": headers(&["ExecutionDuration", "Identity", "IdentityToken"]),
                "content": { "application/json": { "schema": schema } },
            });
            let answers =
                answers(("200", done), CALL_REFUSALS.iter().copied().chain([&answers::PROCEDURE_FAILED]));
            let about = "Runs beside the reducers, and may wait and send requests. Each of its transactions \
                         stands for itself.";
            let operation = self.call(&procedure.name, PROCEDURES, about, &procedure.params, &answers);
            self.add_call(&procedure.name, operation, procedure.is_private);
        }
    }

    fn call(
        &mut self,
        name: &str,
        tag: &str,
        about: &str,
        params: &ProductType,
        answers: &Map<String, Value>,
    ) -> Value {
        json!({
            "operationId": unused(name.to_owned(), &mut self.ids),
            "tags": [tag],
            "summary": signature(name, params),
            "description": about,
            "requestBody": {
                "description": "The arguments, by name or in order, in SATS-JSON.",
                "required": true,
                "content": { "application/json": { "schema": self.schemas.arguments(Form::Argument, params) } },
            },
            "responses": answers,
        })
    }

    fn add_call(&mut self, name: &str, mut operation: Value, is_private: bool) {
        if is_private {
            operation["x-owner-only"] = true.into();
            append(&mut operation["description"], " Only the owner of the database may call it.");
        }
        self.paths.insert(format!("/call/{}", escape(name)), json!({ "post": operation }));
    }

    fn views(&mut self) {
        for view in &self.module.views {
            if !self.shows(!view.is_public) {
                continue;
            }
            let mut item = json!({});
            // What the URL means by a name of its own, a parameter cannot be called there.
            if view.params.elements.iter().all(|param| !is_reserved(param)) {
                item["get"] = self.view(view);
            }
            if !view.params.elements.is_empty() {
                item["post"] = self.view_with_body(view);
            }
            self.paths.insert(format!("/view/{}", escape(&view.name)), item);
        }
    }

    /// The arguments in the URL.
    fn view(&mut self, view: &ViewDef) -> Value {
        let mut operation = self.rows_of(view, &view.name, &["ETag", "TotalCount"], &[]);
        let mut parameters: Vec<Value> =
            view.params.elements.iter().map(|param| self.query_parameter(param)).collect();
        parameters.extend(["Limit", "Offset", "IfNoneMatch"].map(parameter));
        operation["parameters"] = parameters.into();
        operation["responses"]["304"] = answers::reference_to(&answers::NOT_MODIFIED);
        operation
    }

    /// The arguments in the body.
    fn view_with_body(&mut self, view: &ViewDef) -> Value {
        let refusals = [&answers::TOO_SLOW, &answers::TOO_LARGE, &answers::NOT_JSON];
        let id = format!("post_{}", view.name);
        let mut operation = self.rows_of(view, &id, &["TotalCount"], &refusals);
        operation["parameters"] = json!(["Limit", "Offset"].map(parameter));
        operation["requestBody"] = json!({
            "description": "The arguments, by name or in order, in plain JSON or SATS-JSON.",
            "required": true,
            "content": {
                "application/json": { "schema": self.schemas.arguments(Form::Row, &view.params) },
                "application/sats+json": { "schema": self.schemas.arguments(Form::Argument, &view.params) },
            },
        });
        operation
    }

    fn rows_of(&mut self, view: &ViewDef, id: &str, shown: &[&str], refusals: &[&Refusal]) -> Value {
        let rows = json!({
            "description": "The rows.",
            "headers": headers(shown),
            "content": self.row_formats(view),
        });
        let answers = answers(("200", rows), VIEW_REFUSALS.iter().chain(refusals).copied());
        let mut description = String::from(match view.returns {
            ViewReturns::Rows | ViewReturns::Query => "The rows that it shows now.",
            ViewReturns::Option => "The row that it shows now, if there is one.",
        });
        if !view.is_anonymous {
            description.push_str(" They depend on who asks.");
        }
        if !view.is_public {
            description.push_str(" It is not declared public.");
        }
        json!({
            "operationId": unused(id.to_owned(), &mut self.ids),
            "tags": [VIEWS],
            "summary": signature(&view.name, &view.params),
            "description": description,
            "responses": answers,
        })
    }

    /// An argument as a part of the URL: text as it is, the rest in plain JSON.
    fn query_parameter(&mut self, param: &Element) -> Value {
        let schema = self.schemas.of(Form::Row, &param.ty);
        json!({
            "name": param.name.as_deref().unwrap_or_default(),
            "in": "query",
            // What is left out is an option without value.
            "required": !self.schemas.is_option(&param.ty),
            "schema": schema,
        })
    }

    /// The forms in which a view's rows can be had, by content type.
    fn row_formats(&mut self, view: &ViewDef) -> Value {
        let row = self.schemas.of(Form::Row, &AlgebraicType::Ref(view.row_type));
        let mut rows = json!({ "type": "array", "items": row });
        if view.returns == ViewReturns::Option {
            rows["maxItems"] = 1.into();
        }
        let text = |description: &str| json!({ "schema": { "type": "string", "description": description } });
        json!({
            "application/json": { "schema": rows },
            "application/x-ndjson": text("A row a line, each as in `application/json`."),
            "application/sats+json": { "schema": { "type": "array", "description": "The rows in SATS-JSON." } },
            "text/csv": text("The names of the columns, and a row a line."),
            "application/octet-stream": {},
            "text/event-stream": text(
                "The rows (`snapshot`), and what changes in them from then on (`change`), until the `end`. \
                 Without `limit` and `offset`."
            ),
        })
    }

    fn handlers(&mut self) {
        let mut items: HashMap<&str, Value> = HashMap::new();
        for route in &self.module.http_routes {
            let methods = match &route.method {
                Some(method) => vec![&**method],
                None => ANY_METHODS.to_vec(),
            };
            let item = items.entry(&route.path).or_insert_with(|| json!({}));
            for method in methods {
                if METHODS.contains(&method) {
                    item[method.to_ascii_lowercase()] =
                        handler(self.module, &mut self.ids, route, method, &route.path);
                } else {
                    let note = format!("It also answers `{method}`, which OpenAPI cannot describe. ");
                    append(&mut item["description"], &note);
                }
            }
        }
        // In the order in which they are declared.
        for route in &self.module.http_routes {
            if let Some(item) = items.remove(&*route.path) {
                self.paths.insert(format!("/route{}", route.path), item);
            }
        }
    }

    /// Whether those whom the document is for may call what is private or not.
    fn shows(&self, is_private: bool) -> bool {
        !is_private || self.audience == Audience::Owner
    }
}

fn handler(
    module: &ModuleDef,
    ids: &mut BTreeSet<String>,
    route: &HttpRouteDef,
    method: &str,
    path: &str,
) -> Value {
    let name = module.http_handlers.get(route.handler as usize).map_or("handler", |handler| &*handler.name);
    let about = match route.method {
        Some(_) => "What the module makes of the request. Tokens are passed on to it, not looked at.",
        None => {
            "What the module makes of the request, whatever its method. Tokens are passed on to it, not \
             looked at."
        }
    };
    let done = json!({ "description": "What the module answers.", "content": { "*/*": {} } });
    let answers = answers(("default", done), [&answers::TOO_LARGE, &answers::HANDLER_FAILED]);
    let mut operation = json!({
        "operationId": unused(format!("{}_{name}", method.to_ascii_lowercase()), ids),
        "tags": [HANDLERS],
        "summary": format!("{method} /route{path}"),
        "description": format!("{about} The handler is `{name}`."),
        "security": [],
        "responses": answers,
    });
    if !matches!(method, "GET" | "HEAD" | "TRACE") {
        operation["requestBody"] = json!({ "required": false, "content": { "*/*": {} } });
    }
    operation
}

/// Whether the URL of a view uses the name for itself.
fn is_reserved(param: &Element) -> bool {
    matches!(param.name.as_deref(), Some("limit" | "offset" | "token"))
}

fn parameter(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

fn append(text: &mut Value, more: &str) {
    let before = text.as_str().unwrap_or_default();
    *text = format!("{before}{more}").into();
}

/// `name(first, second)`.
fn signature(name: &str, params: &ProductType) -> String {
    let params = params.elements.iter().map(|element| element.name.as_deref().unwrap_or("_"));
    format!("{name}({})", params.collect::<Vec<_>>().join(", "))
}
