//! `orrery describe`: what a module defines.

use std::fmt::Write;

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{
    Hint, ServerArgs,
    client::{Client, escape, read_json, read_text},
    style,
};

/// Show the tables and functions of a database
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery describe my-app\n  \
    orrery describe my-app table person      one table only\n  \
    orrery describe my-app --json > schema.json")]
pub(super) struct Describe {
    /// The database: a name or an identity
    database: String,
    /// One of its parts only, which is named next
    #[arg(requires = "name")]
    kind: Option<Kind>,
    /// The name of that part
    name: Option<String>,
    /// Print the definition as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// What a module is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    Table,
    Reducer,
    View,
    Procedure,
}

impl Kind {
    /// In the order in which they are shown.
    const ALL: [Self; 4] = [Self::Table, Self::Reducer, Self::View, Self::Procedure];

    fn title(self) -> &'static str {
        match self {
            Self::Table => "Tables",
            Self::Reducer => "Reducers",
            Self::View => "Views",
            Self::Procedure => "Procedures",
        }
    }
}

impl Describe {
    pub(super) fn run(self) -> Result<()> {
        let client = self.server.client()?;
        if self.json && self.kind.is_none() {
            println!("{}", read_text(client.get(&schema_path(&self.database, 10), None)?)?);
            return Ok(());
        }
        let schema = schema(&client, &self.database)?;
        let schema = Schema(&schema);
        let (Some(kind), Some(name)) = (self.kind, &self.name) else {
            print!("{}", schema.describe());
            return Ok(());
        };
        let found = schema.parts(kind).find(|part| part["name"] == **name).ok_or_else(|| {
            let what = format!("{kind:?}").to_lowercase();
            anyhow!("{} has no {what} `{name}`", self.database)
                .context(Hint(format!("`orrery describe {}` shows what there is", self.database)))
        })?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(found)?);
        } else {
            println!("{}", schema.part(kind, found));
        }
        Ok(())
    }
}

fn schema_path(database: &str, version: u8) -> String {
    format!("/v1/database/{}/schema?version={version}", escape(database))
}

/// The definition of a module in the older form, which has the names that are used outside, and is simpler.
fn schema(client: &Client, database: &str) -> Result<Value> {
    read_json(client.get(&schema_path(database, 9), None)?)
}

/// A function that can be called.
pub(super) struct Callable {
    pub(super) name: String,
    pub(super) parameters: Vec<ParameterType>,
}

/// What a parameter takes, as far as it matters for how an argument is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParameterType {
    Text,
    Identity,
    Other,
}

/// All functions of a module that can be called.
pub(super) fn callable(client: &Client, database: &str) -> Result<Vec<Callable>> {
    let schema = schema(client, database)?;
    let schema = Schema(&schema);
    let reducers = schema.parts(Kind::Reducer).filter(|it| it["lifecycle"].get("some").is_none());
    let functions = reducers.chain(schema.parts(Kind::Procedure)).map(|function| Callable {
        name: text(&function["name"]).to_owned(),
        parameters: array(&function["params"]["elements"])
            .map(|parameter| match &*schema.ty(&parameter["algebraic_type"], 0) {
                "String" => ParameterType::Text,
                "Identity" => ParameterType::Identity,
                _ => ParameterType::Other,
            })
            .collect(),
    });
    Ok(functions.collect())
}

/// A definition in the form of version 9. Whatever is missing in it is left out.
struct Schema<'a>(&'a Value);

impl<'a> Schema<'a> {
    fn describe(&self) -> String {
        let mut out = String::new();
        for kind in Kind::ALL {
            self.section(&mut out, kind.title(), self.parts(kind).map(|part| self.part(kind, part)));
        }
        if out.is_empty() { "The module defines nothing.\n".into() } else { out }
    }

    fn section(&self, out: &mut String, title: &str, entries: impl Iterator<Item = String>) {
        let mut entries = entries.peekable();
        if entries.peek().is_none() {
            return;
        }
        let space = if out.is_empty() { "" } else { "\n" };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{space}{}", style::on_stdout(style::BOLD, title));
        for entry in entries {
            for line in entry.lines() {
                let _ = writeln!(out, "  {line}");
            }
        }
    }

    /// All parts of a kind, in the order of the module.
    fn parts(&self, kind: Kind) -> impl Iterator<Item = &'a Value> + use<'a> {
        // Those that came later are together in one list, each under its kind.
        let (list, under) = match kind {
            Kind::Table => ("tables", None),
            Kind::Reducer => ("reducers", None),
            Kind::View => ("misc_exports", Some("View")),
            Kind::Procedure => ("misc_exports", Some("Procedure")),
        };
        array(&self.0[list]).filter_map(move |part| match under {
            Some(kind) => part.get(kind),
            None => Some(part),
        })
    }

    fn part(&self, kind: Kind, part: &Value) -> String {
        match kind {
            Kind::Table => self.table(part),
            Kind::Reducer | Kind::View | Kind::Procedure => self.function(part),
        }
    }

    fn table(&self, table: &Value) -> String {
        let access = if table["table_access"].get("Private").is_some() { "private" } else { "public" };
        let mut out = format!("{} ({access})", text(&table["name"]));
        let row_type = self.referred(&table["product_type_ref"]);
        for (place, column) in array(&row_type["Product"]["elements"]).enumerate() {
            let _ = write!(out, "\n  {}", self.element(column));
            let has = |columns: &Value| array(columns).eq([&Value::from(place)]);
            if has(&table["primary_key"]) {
                out.push_str(", primary key");
            } else if array(&table["constraints"]).any(|it| has(&it["data"]["Unique"]["columns"])) {
                out.push_str(", unique");
            }
            if array(&table["sequences"]).any(|sequence| sequence["column"] == place) {
                out.push_str(", counted up");
            }
            for index in array(&table["indexes"]) {
                let algorithm = &index["algorithm"];
                for (kind, name) in [("BTree", "indexed"), ("Hash", "indexed by hash")] {
                    if has(&algorithm[kind]) {
                        let _ = write!(out, ", {name}");
                    }
                }
                if algorithm["Direct"] == place {
                    out.push_str(", indexed directly");
                }
            }
        }
        for (index, what) in array(&table["indexes"])
            .map(|index| (&index["algorithm"], "indexed"))
            .chain(array(&table["constraints"]).map(|it| (&it["data"], "unique")))
        {
            let columns = [&index["BTree"], &index["Hash"], &index["Unique"]["columns"]];
            let columns: Vec<_> =
                columns.into_iter().flat_map(array).map(|place| self.member(row_type, place)).collect();
            if columns.len() > 1 {
                let _ = write!(out, "\n  {what} by ({})", columns.join(", "));
            }
        }
        if let Some(schedule) = table["schedule"].get("some") {
            let _ = write!(out, "\n  runs {}", text(&schedule["reducer_name"]));
        }
        out
    }

    fn function(&self, function: &Value) -> String {
        let mut out = format!("{}({})", text(&function["name"]), self.elements(&function["params"]));
        if let Some(returned) = function.get("return_type") {
            let _ = write!(out, " -> {}", self.ty(returned, 0));
        }
        match function["lifecycle"].get("some").and_then(Value::as_object).and_then(|it| it.keys().next()) {
            Some(when) if when == "Init" => out.push_str(", when the database is made"),
            Some(when) if when == "OnConnect" => out.push_str(", when a client connects"),
            Some(_) => out.push_str(", when a client has gone"),
            None => {}
        }
        if function["is_anonymous"] == false {
            out.push_str(", for each caller");
        }
        out
    }

    fn elements(&self, product: &Value) -> String {
        array(&product["elements"]).map(|element| self.element(element)).collect::<Vec<_>>().join(", ")
    }

    fn element(&self, element: &Value) -> String {
        let ty = self.ty(&element["algebraic_type"], 0);
        match element["name"].get("some") {
            Some(name) => format!("{}: {ty}", text(name)),
            None => ty,
        }
    }

    /// A type as Rust would write it.
    fn ty(&self, ty: &Value, depth: usize) -> String {
        let Some((kind, inner)) = ty.as_object().and_then(|ty| ty.iter().next()) else { return "?".into() };
        // Types may refer to themselves, but those have names.
        if depth > 16 {
            return "...".into();
        }
        match kind.as_str() {
            "Ref" => self.name_of(inner).unwrap_or_else(|| self.ty(self.referred(inner), depth + 1)),
            "Array" if inner.get("U8").is_some() => "bytes".into(),
            "Array" => format!("Vec<{}>", self.ty(inner, depth + 1)),
            "Product" => self.product(inner),
            "Sum" => self.sum(inner, depth),
            "String" => kind.clone(),
            number => number.to_lowercase(),
        }
    }

    fn product(&self, product: &Value) -> String {
        let special = array(&product["elements"]).next().map(|element| text(&element["name"]["some"]));
        let special = special.and_then(|name| match name {
            "__identity__" => Some("Identity"),
            "__connection_id__" => Some("ConnectionId"),
            "__timestamp_micros_since_unix_epoch__" => Some("Timestamp"),
            "__time_duration_micros__" => Some("TimeDuration"),
            "__uuid__" => Some("Uuid"),
            _ => None,
        });
        match special {
            Some(special) => special.into(),
            None => format!("({})", self.elements(product)),
        }
    }

    fn sum(&self, sum: &Value, depth: usize) -> String {
        let variants: Vec<_> = array(&sum["variants"])
            .map(|variant| (text(&variant["name"]["some"]), &variant["algebraic_type"]))
            .collect();
        match variants[..] {
            [("some", ty), ("none", _)] => format!("Option<{}>", self.ty(ty, depth + 1)),
            [("ok", ok), ("err", err)] => {
                format!("Result<{}, {}>", self.ty(ok, depth + 1), self.ty(err, depth + 1))
            }
            [("Interval", _), ("Time", _)] => "ScheduleAt".into(),
            _ => variants.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" | "),
        }
    }

    fn member<'p>(&self, product: &'p Value, place: &Value) -> &'p str {
        let place = place.as_u64().and_then(|place| usize::try_from(place).ok()).unwrap_or(usize::MAX);
        text(&product["Product"]["elements"].get(place).unwrap_or(&Value::Null)["name"]["some"])
    }

    fn referred(&self, place: &Value) -> &Value {
        let place = place.as_u64().and_then(|place| usize::try_from(place).ok()).unwrap_or(usize::MAX);
        self.0["typespace"]["types"].get(place).unwrap_or(&Value::Null)
    }

    fn name_of(&self, place: &Value) -> Option<String> {
        let named = array(&self.0["types"]).find(|named| named["ty"] == *place)?;
        Some(text(&named["name"]["name"]).to_owned())
    }
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_and_functions_are_shown_in_short() {
        let element = |name: &str, ty: Value| json!({ "name": { "some": name }, "algebraic_type": ty });
        let identity = json!({ "Product": { "elements": [element("__identity__", json!({ "U256": [] }))] } });
        let option = json!({ "Sum": { "variants": [
            element("some", json!({ "String": [] })),
            element("none", json!({ "Product": { "elements": [] } })),
        ] } });
        let schema = json!({
            "typespace": { "types": [
                { "Product": { "elements": [
                    element("id", json!({ "U64": [] })),
                    element("who", identity),
                    element("nick", option),
                    element("data", json!({ "Array": { "U8": [] } })),
                ] } },
            ] },
            "types": [{ "name": { "scope": [], "name": "Person" }, "ty": 0, "custom_ordering": true }],
            "tables": [{
                "name": "person", "product_type_ref": 0, "primary_key": [0],
                "indexes": [{ "algorithm": { "BTree": [0] } }, { "algorithm": { "Direct": 1 } },
                            { "algorithm": { "BTree": [2, 0] } }],
                "constraints": [
                    { "data": { "Unique": { "columns": [0] } } },
                    { "data": { "Unique": { "columns": [1] } } },
                ],
                "sequences": [{ "column": 0 }], "schedule": { "none": [] },
                "table_type": { "User": [] }, "table_access": { "Public": [] },
            }],
            "reducers": [
                { "name": "add", "params": { "elements": [element("name", json!({ "String": [] }))] },
                  "lifecycle": { "none": [] } },
                { "name": "start", "params": { "elements": [] }, "lifecycle": { "some": { "Init": [] } } },
            ],
            "misc_exports": [{ "View": {
                "name": "people", "is_anonymous": false, "params": { "elements": [] },
                "return_type": { "Array": { "Ref": 0 } },
            } }],
        });
        let expected = "\
Tables
  person (public)
    id: u64, primary key, counted up, indexed
    who: Identity, unique, indexed directly
    nick: Option<String>
    data: bytes
    indexed by (nick, id)

Reducers
  add(name: String)
  start(), when the database is made

Views
  people() -> Vec<Person>, for each caller
";
        assert_eq!(Schema(&schema).describe(), expected);
        assert_eq!(Schema(&Value::Null).describe(), "The module defines nothing.\n");
    }
}
