//! TypeScript from the file to the running database, as a user without Node.js would have it.

use std::fs;

use orrery_host_abi::{ConnectionId, Identity};
use orrery_runtime::{Args, Caller, DatabaseKey, Host, HostConfig, Program, ProgramKind, ViewReply};
use orrery_tests::{
    Database, Server,
    project::{MODULE, Project},
};

/// Runs a command against the shared server.
#[track_caller]
fn run(project: &Project, arguments: &[&str]) -> orrery_tests::Printed {
    project.cli.run(&[arguments, &["--server", &Server::shared().url()]].concat())
}

#[test]
fn a_new_project_publishes_as_it_is() {
    let project = Project::default();
    project.cli.run(&["init", "--lang", "typescript", "app"]).ok();
    let name = Database::new_name();
    let published = run(&project, &["publish", &name, "-p", "app"]);
    assert!(published.err.contains("Bundled") && published.err.contains("Publishing"), "{}", published.err);
    assert!(published.ok().contains("Created"));
    run(&project, &["call", &name, "add", "Ada"]).ok();
    assert!(run(&project, &["call", &name, "add", ""]).failed().contains("a person needs a name"));
    assert!(run(&project, &["view", &name, "people"]).ok().contains("Ada"));
    assert!(run(&project, &["logs", &name]).ok().contains("Ada is number 1"));
    // What was built beforehand is the same program, whichever way it is given.
    project.build(&["-p", "app"]).ok();
    for option in ["--bin-path", "--js-path"] {
        let again = run(&project, &["publish", &name, option, "app/dist/bundle.js"]).ok();
        assert!(again.contains("Updated"), "{again}");
    }
    assert!(run(&project, &["view", &name, "people"]).ok().contains("(1 row)"));
}

#[test]
fn a_file_lends_its_name_to_the_database() {
    let name = Database::new_name();
    let file = format!("{name}.ts");
    let project = Project::new(&[(&file, MODULE)]);
    assert!(run(&project, &["publish", &file]).ok().contains(&name));
    run(&project, &["call", &name, "add", "Ada"]).ok();
    let other = Database::new_name();
    assert!(run(&project, &["publish", &file, &other]).ok().contains(&other));
    let unnamed = run(&project, &["publish", "index.ts"]).failed();
    assert!(unnamed.contains("orrery publish index.ts NAME"), "{unnamed}");
}

/// Its types do not let a module declare one, but a program may have it.
#[test]
fn a_view_that_is_not_public_is_the_owners() {
    let project = Project::new(&[(
        "hidden.ts",
        "import { schema, t, table } from 'orrery/server';\n\
         const person = table({}, { name: t.string() });\nconst db = schema({ person });\nexport default db;\n\
         export const add = db.reducer({ name: t.string() }, (ctx, row) => { ctx.db.person.insert(row); });\n\
         export const all = db.anonymousView({ public: false as unknown as true }, t.array(person.rowType), \
         ctx => [...ctx.db.person.iter()]);\n",
    )]);
    let name = Database::new_name();
    run(&project, &["publish", "hidden.ts", &name]).ok();
    run(&project, &["call", &name, "add", "Ada"]).ok();
    // The answer is kept now, and still not for everybody.
    assert!(run(&project, &["view", &name, "all"]).ok().contains("Ada"));
    let answer = Server::shared().anonymous().view(&name, "all").expect(404);
    assert!(!answer.text().contains("Ada"), "{}", answer.text());
}

#[test]
fn errors_name_the_line_of_the_source() {
    let name = Database::new_name();
    let project = Project::new(&[
        ("package.json", "{}"),
        (
            "src/index.ts",
            "import { deep } from './deep.ts';\nimport { schema } from 'orrery/server';\n\
             const db = schema({});\nexport default db;\n\nexport const fail = db.reducer(() => {\n  deep(3);\n});\n",
        ),
        (
            "src/deep.ts",
            "type Depth = number;\n\nexport function deep(depth: Depth): void {\n  if (depth === 0) {\n    \
             throw new TypeError('too deep');\n  }\n  deep(depth - 1);\n}\n",
        ),
    ]);
    run(&project, &["publish", &name]).ok();
    run(&project, &["call", &name, "fail"]).failed();
    let line = run(&project, &["logs", &name, "-n", "2", "--json"]).ok();
    // The database says after it that the call failed.
    let text = line.lines().next().unwrap_or_default();
    for part in ["too deep", "src/deep.ts:5:", "src/deep.ts:7:", "src/index.ts:7:"] {
        assert!(text.contains(part), "`{part}` is missing:\n{text}");
    }
}

#[test]
fn what_cannot_be_loaded_is_refused_with_its_line() {
    let name = Database::new_name();
    let project = Project::new(&[("package.json", "{}")]);
    let module = |body: &str| {
        format!("import {{ schema }} from 'orrery/server';\nexport default schema({{}});\n{body}\n")
    };
    project.write("src/index.ts", &module("const nothing: any = undefined;\nnothing.at.all;"));
    let refused = run(&project, &["publish", &name]).failed();
    assert!(refused.contains("nothing was published") && refused.contains("src/index.ts:4"), "{refused}");
    project.write("src/index.ts", &module("await new Promise(() => {});"));
    let waits = run(&project, &["publish", &name]).failed();
    assert!(waits.contains("nothing was published"), "{waits}");
    fs::write(project.path("nonsense.js"), "this is not JavaScript").unwrap();
    let nonsense = run(&project, &["publish", &name, "--js-path", "nonsense.js"]).failed();
    assert!(nonsense.contains("nothing was published"), "{nonsense}");
}

/// A module whose views have parameters.
const WITH_PARAMETERS: &str = "\
import { schema, t, table } from 'orrery/server';
const person = table({}, { name: t.string().index('btree'), age: t.u32() });
const db = schema({ person });
export default db;
export const add = db.reducer({ name: t.string(), age: t.u32() }, (ctx, row) => {
  ctx.db.person.insert(row);
});
export const adults = db.anonymousView({ public: true }, { minAge: t.u32() }, t.array(person.rowType), (ctx, { minAge }) =>
  [...ctx.db.person.iter()].filter((row) => row.age >= minAge),
);
export const named = db.view({ public: true }, { name: t.string(), max: t.u32() }, t.array(person.rowType), (ctx, { name, max }) =>
  [...ctx.db.person.name.filter(name)].slice(0, max),
);
";

#[test]
fn views_declare_parameters() {
    let name = Database::new_name();
    let project = Project::new(&[("people.ts", WITH_PARAMETERS)]);
    run(&project, &["publish", "people.ts", &name]).ok();
    let described = run(&project, &["describe", &name]).ok();
    assert!(described.contains("min_age: u32") || described.contains("minAge: u32"), "{described}");
    let missing = run(&project, &["view", &name, "adults"]).failed();
    assert!(missing.contains("invalid arguments for view adults"), "{missing}");
    let query = run(&project, &["sql", &name, "SELECT * FROM adults"]).failed();
    assert!(query.contains("the view `adults` takes parameters"), "{query}");
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_told_their_arguments() {
    let project = Project::new(&[("people.ts", WITH_PARAMETERS)]);
    let bundle = project.bundle(&["people.ts"]);
    let host = Host::new(HostConfig::default()).expect("the engines start");
    let key = DatabaseKey { database: Identity([1; 32]), owner: Identity([2; 32]) };
    let program = Program { kind: ProgramKind::Js, bytes: bundle.code.into() };
    let database =
        orrery_runtime::Database::create(&host, &project.path("data"), key, program).await.unwrap();
    let caller =
        Caller { identity: Identity([3; 32]), connection: ConnectionId(4), token_payload: "{}".into() };
    let json = |text: &str| Args::Json(text.to_owned().into());
    for person in [r#"["Ada", 36]"#, r#"["Ada", 7]"#, r#"["Grace", 50]"#] {
        database.call_once(&caller, "add", json(person)).await.unwrap();
    }
    let count = async |view: &str, args: &str| {
        let reply = database.view_once(&caller, view, &json(args), &[]).await.unwrap();
        let ViewReply::Rows(answer) = reply else { panic!("no tag was given") };
        u32::from_le_bytes(answer.rows[..4].try_into().unwrap())
    };
    for (view, args, rows) in [
        ("adults", "[18]", 2),
        ("adults", "[40]", 1),
        ("adults", "[18]", 2),
        ("named", r#"["Ada", 9]"#, 2),
        ("named", r#"{"max": 1, "name": "Ada"}"#, 1),
        ("named", r#"["Alan", 9]"#, 0),
    ] {
        assert_eq!(count(view, args).await, rows, "{view} {args}");
    }
    let run = database.stats().views_run;
    assert_eq!(run, 5, "what was asked for before is not computed again");
    database.call_once(&caller, "add", json(r#"["Alan", 41]"#)).await.unwrap();
    assert_eq!(count("named", r#"["Ada", 9]"#).await, 2);
    assert_eq!(database.stats().views_run, run, "another name was looked up");
    assert_eq!(count("named", r#"["Alan", 9]"#).await, 1);
    assert_eq!(count("adults", "[18]").await, 3);
}
