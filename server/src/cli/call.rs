//! `orrery call`: runs a reducer or procedure.

use anyhow::{Context, Result, bail};
use clap::Args;
use orrery_host_abi::Identity;
use serde_json::value::RawValue;

use super::{
    Hint, ServerArgs,
    client::{Client, Refused, escape, read_text},
    describe::{self, ParameterType},
};

/// A name that is at least so much like the one that was written (1: the same) may have been meant.
const SIMILARITY_MIN: f64 = 0.6;

/// So many names are told to whoever has written one that there is not.
const NAMES_MAX: usize = 10;

/// Run a reducer or procedure of a database
///
/// The command succeeds when the function has, and its changes are on disk. If a reducer says no, nothing has
/// changed, and its message is shown. What a procedure returns is printed as JSON.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery call my-app add Ada 36                  a text and a number\n  \
    orrery call my-app rename_to 36                the text \"36\", where a text is wanted\n  \
    orrery call my-app move '{\"x\":1,\"y\":-2}' -3    an object, and a negative number\n  \
    orrery call my-app rename '{\"some\":\"Ada\"}'     an optional value; none is null")]
pub(super) struct Call {
    /// The database: a name or an identity
    database: String,
    /// The reducer or procedure
    function: String,
    /// Its arguments, in order, each as JSON. Texts and identities need no quotation marks
    #[arg(allow_negative_numbers = true)]
    arguments: Vec<String>,
    #[command(flatten)]
    server: ServerArgs,
}

impl Call {
    pub(super) fn run(self) -> Result<()> {
        let client = self.server.client()?;
        let body = serde_json::to_vec(&self.arguments(&client)?)?;
        let path = format!("/v1/database/{}/call/{}", escape(&self.database), escape(&self.function));
        let answer =
            client.post(&path, "application/json", &body).map_err(|error| self.explain(&client, error))?;
        let text = read_text(answer)?;
        if !text.is_empty() {
            println!("{text}");
        }
        Ok(())
    }

    /// The arguments in JSON, for which it matters what the parameters take.
    fn arguments(&self, client: &Client) -> Result<Vec<Box<RawValue>>> {
        if self.arguments.is_empty() {
            return Ok(Vec::new());
        }
        let callable = describe::callable(client, &self.database)?;
        let called = callable.into_iter().find(|it| it.name == self.function);
        // The server will say if there is no such function, or if there are too many arguments.
        let types = called.map_or_else(Vec::new, |called| called.parameters).into_iter();
        let types = types.chain(std::iter::repeat(ParameterType::Other));
        self.arguments.iter().zip(types).map(|(text, ty)| typed_argument(text, ty)).collect()
    }

    fn explain(&self, client: &Client, error: anyhow::Error) -> anyhow::Error {
        let Self { database, function, .. } = self;
        match error.downcast_ref::<Refused>() {
            Some(Refused { status: 530, .. }) => {
                error.context(format!("`{function}` failed, and nothing was changed"))
            }
            Some(Refused { status: 500, .. }) => error.context(format!("`{function}` failed")),
            Some(Refused { status: 404, text }) if text.starts_with("no such reducer") => {
                let callable = describe::callable(client, database).unwrap_or_default();
                let names: Vec<_> = callable.into_iter().map(|it| it.name).collect();
                error.context(Hint(instead_of(function, &names, database)))
            }
            _ => error,
        }
    }
}

/// What there is to call for somebody who has written a name that there is not.
fn instead_of(written: &str, names: &[String], database: &str) -> String {
    let similarity = |name: &String| strsim::normalized_damerau_levenshtein(written, name);
    let nearest = names.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    match nearest {
        Some(name) if similarity(name) >= SIMILARITY_MIN => format!("did you mean `{name}`?"),
        Some(_) if names.len() <= NAMES_MAX => format!("there are {}", names.join(", ")),
        _ => format!("`orrery describe {database}` shows what there is"),
    }
}

/// What is written for a parameter of that type.
fn typed_argument(text: &str, ty: ParameterType) -> Result<Box<RawValue>> {
    let raw = match ty {
        // In quotation marks it may have escapes.
        ParameterType::Text if serde_json::from_str::<String>(text).is_err() => {
            serde_json::value::to_raw_value(text)
        }
        ParameterType::Identity => match Identity::from_hex(text.trim_matches('"')) {
            Ok(identity) => serde_json::value::to_raw_value(&[format!("0x{}", identity.to_hex())]),
            Err(_) => return argument(text),
        },
        ParameterType::Text | ParameterType::Other => return argument(text),
    };
    raw.context("a text is JSON")
}

/// JSON as it is; anything else that cannot have been meant as JSON is a text.
pub(super) fn argument(text: &str) -> Result<Box<RawValue>> {
    match serde_json::from_str(text) {
        Ok(json) => Ok(json),
        Err(error) if text.trim_start().starts_with(['{', '[', '"']) => {
            bail!("the argument {text} is not JSON: {error}")
        }
        Err(_) => serde_json::value::to_raw_value(text).context("a text is JSON"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_mistypes_is_told_what_there_is() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let some = names(&["say_hello", "add_person"]);
        assert_eq!(instead_of("say_hell", &some, "app"), "did you mean `say_hello`?");
        assert_eq!(instead_of("Add_Person", &some, "app"), "did you mean `add_person`?");
        assert_eq!(instead_of("remove", &some, "app"), "there are say_hello, add_person");
        let many = vec!["x".to_owned(); NAMES_MAX + 1];
        for names in [&many[..], &[]] {
            assert_eq!(instead_of("remove", names, "app"), "`orrery describe app` shows what there is");
        }
    }

    #[test]
    fn texts_and_identities_need_no_quotation_marks() {
        let check = |text: &str, ty, json: &str| assert_eq!(typed_argument(text, ty).unwrap().get(), json);
        for text in ["Ada", "36", "true", "null", "{", r#"{"a":1}"#, "[1,", ""] {
            check(text, ParameterType::Text, &serde_json::to_string(text).unwrap());
        }
        check(r#""A\n""#, ParameterType::Text, r#""A\n""#);
        check("36", ParameterType::Other, "36");
        let hex = "c2".repeat(32);
        let tuple = format!(r#"["0x{hex}"]"#);
        let object = format!(r#"{{"__identity__":"0x{hex}"}}"#);
        for text in [&hex, &format!("0x{hex}"), &format!(r#""0x{hex}""#), &tuple] {
            check(text, ParameterType::Identity, &tuple);
        }
        check(&object, ParameterType::Identity, &object);
        check("me", ParameterType::Identity, r#""me""#);
    }

    #[test]
    fn what_is_not_json_is_a_text() {
        let check = |text: &str, json: &str| assert_eq!(argument(text).unwrap().get(), json);
        check("1", "1");
        check("-1.5e3", "-1.5e3");
        check("340282366920938463463374607431768211455", "340282366920938463463374607431768211455");
        check("true", "true");
        check("null", "null");
        check(r#"{"a":1}"#, r#"{"a":1}"#);
        check(r#""Ada""#, r#""Ada""#);
        check("Ada", r#""Ada""#);
        check("Ada's 1st", r#""Ada's 1st""#);
        check("", r#""""#);
        for wrong in ["{", "[1,", r#""Ada"#] {
            assert!(argument(wrong).is_err(), "{wrong}");
        }
    }
}
