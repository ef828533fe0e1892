//! `orrery call`: runs a reducer or procedure.

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::value::RawValue;

use super::{
    Hint, ServerArgs,
    client::{Refused, escape, read_text},
};

/// Run a reducer or procedure of a database
///
/// The command succeeds when the function has, and its changes are on disk. If a reducer says no, nothing has
/// changed, and its message is shown. What a procedure returns is printed as JSON.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery call my-app add Ada 36                  a text and a number\n  \
    orrery call my-app set_flag '\"true\"'           the text \"true\", not the value\n  \
    orrery call my-app move '{\"x\":1,\"y\":-2}' -3    an object, and a negative number\n  \
    orrery call my-app rename '{\"some\":\"Ada\"}'     an optional value; none is null")]
pub(super) struct Call {
    /// The database: a name or an identity
    database: String,
    /// The reducer or procedure
    function: String,
    /// Its arguments, in order, each as JSON. What is not JSON is taken as a text
    #[arg(allow_negative_numbers = true)]
    arguments: Vec<String>,
    #[command(flatten)]
    server: ServerArgs,
}

impl Call {
    pub(super) fn run(self) -> Result<()> {
        let arguments = self.arguments.iter().map(|it| argument(it)).collect::<Result<Vec<_>>>()?;
        let body = serde_json::to_vec(&arguments)?;
        let path = format!("/v1/database/{}/call/{}", escape(&self.database), escape(&self.function));
        let answer = self
            .server
            .client()?
            .post(&path, "application/json", &body)
            .map_err(|error| self.explain(error))?;
        let text = read_text(answer)?;
        if !text.is_empty() {
            println!("{text}");
        }
        Ok(())
    }

    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let Self { database, function, .. } = self;
        match error.downcast_ref::<Refused>() {
            Some(Refused { status: 530, .. }) => {
                error.context(format!("`{function}` failed, and nothing was changed"))
            }
            Some(Refused { status: 500, .. }) => error.context(format!("`{function}` failed")),
            Some(Refused { status: 404, text }) if text.starts_with("no such reducer") => {
                error.context(Hint(format!("`orrery describe {database}` shows what there is")))
            }
            _ => error,
        }
    }
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
