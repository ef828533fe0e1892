//! Each folder under `tests/conformance` is a case: a script and the transcript expected of it, the same for every
//! language that its modules are written in. A case times a language is one test, named by both. Where a language
//! cannot do what the others can, a file `expected.<language>` says what it does, and a comment in the script why.
//!
//! `UPDATE_EXPECT=1` writes what came out over what was expected, of Rust where all expect the same; read the
//! difference before you keep it.

use std::{
    fs,
    path::Path,
    sync::{Arc, LazyLock},
};

use libtest_mimic::{Arguments, Failed, Trial};
use orrery_tests::{
    Server,
    modules::{self, Language},
    script,
};

fn main() {
    let arguments = Arguments::from_args();
    // Started by the first case that runs, so that `--list` starts none; ended when the last case is done.
    let server: Arc<LazyLock<Server>> = Arc::new(LazyLock::new(Server::start));
    let cases = fs::read_dir(modules::tests_dir().join("conformance")).expect("the cases are there");
    let mut cases: Vec<_> = cases.map(|case| case.expect("a case can be read").path()).collect();
    cases.sort();
    let mut trials = Vec::new();
    for case in cases {
        for language in Language::ALL {
            let name = case.file_name().and_then(|name| name.to_str()).expect("cases have plain names");
            let database = format!("{name}-{}", language.name());
            let (case, server) = (case.clone(), server.clone());
            trials.push(Trial::test(format!("{name}/{}", language.name()), move || {
                check(&server, &database, &case, language)
            }));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(server);
    conclusion.exit();
}

fn check(server: &Server, database: &str, case: &Path, language: Language) -> Result<(), Failed> {
    let script = fs::read_to_string(case.join("script"))?;
    let transcript = script::run(server, database, &script, language);
    let of_its_own = case.join(format!("expected.{}", language.name()));
    let has_its_own = of_its_own.is_file();
    let expected = if has_its_own { of_its_own } else { case.join("expected") };
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        if has_its_own || language == Language::Rust {
            fs::write(expected, transcript)?;
        }
        return Ok(());
    }
    let expected = fs::read_to_string(expected)?;
    if transcript == expected {
        return Ok(());
    }
    let line = transcript.lines().zip(expected.lines()).take_while(|(is, should)| is == should).count();
    Err(format!("line {} differs; expected:\n{expected}\ncame out:\n{transcript}", line + 1).into())
}
