//! TypeScript and JavaScript, from the files to the bundle that is published.

use std::{fs, os::unix::fs::PermissionsExt};

use orrery_tests::{
    Printed,
    project::{Bundle, MODULE, Project},
};

#[test]
fn one_file_is_all_it_takes() {
    let project = Project::new(&[("chat.ts", MODULE)]);
    let built = project.build(&["chat.ts"]);
    assert!(built.err.contains("Bundled"), "{}", built.err);
    assert!(built.ok().contains("chat.bundle.js"));
    let bundle = Bundle::read(&project.path("chat.bundle.js"));
    assert_eq!(bundle.exports(), ["add", "default"]);
    assert!(bundle.code.contains("from \"spacetime:sys@2"), "{}", bundle.code);
    assert!(!bundle.code.contains("orrery/server"), "the SDK is not in it:\n{}", bundle.code);
}

#[test]
fn the_source_map_leads_back_to_the_files() {
    let project = Project::new(&[
        ("package.json", "{}"),
        (
            "src/index.ts",
            &format!("import {{ shout }} from './text/shout.ts';\n{MODULE}\nexport const loud = shout;\n"),
        ),
        (
            "src/text/shout.ts",
            "type Text = string;\n\n/** Loud. */\nexport const shout = (text: Text): Text => text + '!!!';\n",
        ),
    ]);
    let bundle = project.bundle(&[]);
    assert_eq!(bundle.origin("ctx.db.person.insert"), ("src/index.ts".into(), 6));
    assert_eq!(bundle.origin("!!!"), ("src/text/shout.ts".into(), 4));
}

#[test]
fn packages_come_from_node_modules() {
    let project = Project::new(&[
        ("package.json", r#"{ "type": "module" }"#),
        (
            "src/index.ts",
            "import { schema } from 'spacetimedb/server';
             import { first } from '@scope/list';
             import shout from 'shout';
             import fallback from 'shout/fallback';
             export default schema({});
             export const text = shout(first(['a-word']) + fallback);",
        ),
        // What an import gets is chosen by `exports`, never by what is there for Node.
        (
            "node_modules/spacetimedb/package.json",
            r#"{ "type": "module", "exports": { "./server": { "node": "./node.js", "default": "./server.js" } } }"#,
        ),
        ("node_modules/spacetimedb/node.js", "import 'fs';"),
        (
            "node_modules/spacetimedb/server.js",
            "import { moduleHooks } from 'spacetime:sys@2.0';\nexport const schema = () => ({ [moduleHooks]: 'theirs' });",
        ),
        ("node_modules/@scope/list/package.json", r#"{ "main": "main.js", "module": "module.js" }"#),
        ("node_modules/@scope/list/main.js", "exports.first = () => 'from-main';"),
        ("node_modules/@scope/list/module.js", "export const first = list => 'from-module' + list[0];"),
        ("node_modules/shout/package.json", r#"{ "main": "./index.js", "browser": { "fs": false } }"#),
        ("node_modules/shout/index.js", "require('fs');\nmodule.exports = text => text + '!!!';"),
        (
            "node_modules/shout/fallback.js",
            "let fallback;\ntry { fallback = require('net'); } catch { fallback = 'none'; }\nmodule.exports = fallback;",
        ),
    ]);
    let bundle = project.bundle(&[]);
    assert_eq!(bundle.exports(), ["default", "text"]);
    for part in ["theirs", "from-module", "!!!"] {
        assert!(bundle.code.contains(part), "`{part}` is missing:\n{}", bundle.code);
    }
    assert!(!bundle.code.contains("from-main"), "{}", bundle.code);
    assert_eq!(bundle.origin("from-module").0, "node_modules/@scope/list/module.js");
}

#[test]
fn an_installed_sdk_is_the_one_that_is_used() {
    let project = Project::new(&[
        ("spacetimedb/package.json", "{}"),
        (
            "spacetimedb/src/index.ts",
            "import { schema } from 'orrery/server';\nexport default schema('pinned');\n",
        ),
        // As npm puts it for a workspace: beside the project's parent.
        ("node_modules/orrery/package.json", r#"{ "exports": { "./server": "./pinned.js" } }"#),
        (
            "node_modules/orrery/pinned.js",
            "import { moduleHooks } from 'spacetime:sys@2.1';\nexport const schema = name => ({ [moduleHooks]: 'the installed one', name });",
        ),
    ]);
    let bundle = project.bundle(&[]);
    assert!(bundle.code.contains("the installed one"), "{}", bundle.code);
}

#[test]
fn all_that_typescript_is_used_for_can_be_bundled() {
    let project = Project::new(&[
        ("tsconfig.json", r##"{ "compilerOptions": { "strict": true, "paths": { "#lib/*": ["./lib/*"] } } }"##),
        ("src/index.ts", "\
import type { Name } from './types';
import { Level, Point } from './types';
import data from './data.json';
import words from './words.txt';
import { twice } from '#lib/twice';
import { late } from './late.js';
import './effect';
export { late };
import { schema } from 'orrery/server';
export default schema({});
namespace Deep { export const value = Level.High; }
class Counter { #count = 0; constructor(readonly step: number) {} next(): number { return this.#count += this.step; } }
export const named = { name: 'x' satisfies Name, level: Deep.value, data, words, twice: twice(new Counter(2)!.next()) };
export const lazily = () => import('./lazy');
export const place = (point: Point): number => point.x;
"),
        ("src/types.ts", "export type Name = string;\nexport interface Point { x: number }\nexport enum Level { Low = 'low-level', High = 'high-level' }\n"),
        ("src/data.json", r#"{ "key": "json-value" }"#),
        ("src/words.txt", "text-value"),
        ("src/late.ts", "export const late = 'resolved-from-js';\n"),
        ("src/effect.ts", "globalThis.sideEffect = 'kept-effect';\n"),
        ("src/lazy.ts", "export const lazy = 'lazy-value';\n"),
        ("lib/twice.ts", "export const twice = (n: number) => n * 2;\n"),
    ]);
    let bundle = project.bundle(&[]);
    assert_eq!(bundle.exports(), ["default", "late", "lazily", "named", "place"]);
    for part in
        ["json-value", "text-value", "high-level", "resolved-from-js", "kept-effect", "lazy-value", "* 2"]
    {
        assert!(bundle.code.contains(part), "`{part}` is missing:\n{}", bundle.code);
    }
    assert!(!bundle.code.contains("interface") && !bundle.code.contains("satisfies"), "{}", bundle.code);
    assert!(!bundle.code.contains("import("), "a bundle is one file:\n{}", bundle.code);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("a syntax error", "export const x = ;\n", &["src/index.ts:1:18", "export const x = ;"]),
        (
            "a syntax error after types",
            "const one: number = 1;\nconst two: number = 2 3;\n",
            &["src/index.ts:2:22", "const two: number = 2 3;"],
        ),
        (
            "a file that is not there",
            "import { x } from './missing';\nexport default x;\n",
            &["src/index.ts:1:19", "./missing", "no such file"],
        ),
        (
            "a package that is not there",
            "import { x } from '@scope/absent/part';\nexport default x;\n",
            &["src/index.ts:1:19", "`npm install @scope/absent`"],
        ),
        (
            "the official SDK, not installed",
            "import { schema } from 'spacetimedb/server';\nexport default schema({});\n",
            &["src/index.ts:1:24", "`npm install spacetimedb`", "orrery/server"],
        ),
        (
            "a part that the SDK does not have",
            "import { schema } from 'orrery/sever';\nexport default schema({});\n",
            &["src/index.ts:1:24", "'orrery/server'"],
        ),
        (
            "an export that is not there",
            "import { shema } from 'orrery/server';\nexport default shema({});\n",
            &["src/index.ts:1:10", "shema", "not exported"],
        ),
        (
            "a part of Node",
            "import { readFileSync } from 'fs';\nexport default readFileSync('x');\n",
            &["src/index.ts:1:30", "a part of Node.js"],
        ),
        (
            "a part of Node by its full name",
            "import process from 'node:process';\nexport default process;\n",
            &["src/index.ts:1:21", "a part of Node.js"],
        ),
        (
            "an import from a URL",
            "import { x } from 'https://example.com/x.ts';\nexport default x;\n",
            &["src/index.ts", "'https://example.com/x.ts'", "node_modules"],
        ),
        (
            "no SDK",
            "export default { hello: 1 };\n",
            &["src/index.ts is not the module of a database", "orrery/server"],
        ),
        (
            "no default export",
            "import { schema } from 'orrery/server';\nexport const db = schema({});\n",
            &["src/index.ts has no default export", "export default schema"],
        ),
        (
            "two versions of the system",
            "import 'spacetime:sys@1.0';\nimport 'spacetime:sys@2.0';\nexport default {};\n",
            &["versions of the SDK that do not go together", "npm ls spacetimedb"],
        ),
    ];
    for (what, module, parts) in cases {
        let project = Project::new(&[("package.json", "{}"), ("src/index.ts", module)]);
        let message = project.build(&[]).failed();
        for part in *parts {
            assert!(message.contains(part), "{what}: `{part}` is missing in\n{message}");
        }
        assert!(!project.path("dist/bundle.js").exists(), "{what}: a bundle was made");
    }
}

#[test]
fn an_unusable_tsconfig_is_said() {
    let project = Project::new(&[("tsconfig.json", "{ nonsense"), ("src/index.ts", MODULE)]);
    let message = project.build(&[]).failed();
    assert!(message.contains("tsconfig.json"), "{message}");
}

#[test]
fn what_is_no_project_is_said() {
    let project =
        Project::new(&[("StdbModule/StdbModule.csproj", ""), ("empty/readme.md", ""), ("notes.txt", "")]);
    let failed = |arguments: &[&str]| project.build(arguments).failed();
    assert!(failed(&["-p", "empty"]).contains("neither a Cargo.toml nor a package.json"));
    assert!(failed(&["-p", "StdbModule"]).contains("C#"));
    assert!(failed(&["-p", "absent"]).contains("absent"));
    assert!(failed(&["notes.txt"]).contains("neither TypeScript nor JavaScript"));
    project.write("package.json", "{}");
    assert!(failed(&[]).contains("src/index.ts"));
}

#[test]
fn types_are_checked_where_the_compiler_is() {
    let project = Project::new(&[("tsconfig.json", "{}"), ("src/index.ts", MODULE)]);
    let without = project.build(&[]);
    assert!(without.err.contains("types not checked"), "{}", without.err);
    without.ok();

    let compiler = |script: &str| {
        project.write("node_modules/.bin/tsc", &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(project.path("node_modules/.bin/tsc"), fs::Permissions::from_mode(0o755))
            .unwrap();
    };
    compiler("test \"$*\" = --noEmit && test -f src/index.ts");
    let checked = project.build(&[]);
    assert!(checked.err.contains("types checked"), "{}", checked.err);
    checked.ok();

    compiler("echo \"src/index.ts(3,1): error TS2322: it does not fit\"; exit 2");
    let Printed { success, out, err } = project.build(&[]);
    assert!(!success && out.is_empty(), "{out}{err}");
    assert!(
        err.contains("TS2322") && err.contains("types do not fit") && err.contains("--no-typecheck"),
        "{err}"
    );
    project.build(&["--no-typecheck"]).ok();

    // Installed, but its interpreter is not.
    compiler("exit 127");
    let without_node = project.build(&[]);
    assert!(without_node.err.contains("without Node.js"), "{}", without_node.err);
    without_node.ok();
}

#[test]
fn a_new_project_builds_as_it_is() {
    let project = Project::default();
    let made = project.cli.run(&["init", "--lang", "typescript", "My App"]).ok();
    assert!(made.contains("orrery publish my-app"), "{made}");
    assert!(project.cli.run(&["init", "--lang", "typescript", "My App"]).failed().contains("there already"));
    assert!(project.build(&["-p", "My App"]).ok().contains("My App/dist/bundle.js"));
    let bundle = Bundle::read(&project.path("My App/dist/bundle.js"));
    assert_eq!(bundle.exports(), ["add", "default", "people"]);
    assert_eq!(bundle.origin("a person needs a name").0, "src/index.ts");

    // What editors read of the SDK is there, and comes back if it is not: it is not kept with the project.
    let manifest = project.path("My App/.orrery/sdk/package.json");
    let sdk = fs::read_to_string(&manifest).unwrap();
    for line in fs::read_to_string(project.path("My App/tsconfig.json")).unwrap().lines() {
        if let Some((_, file)) = line.split_once("[\"./.orrery") {
            let file = format!("My App/.orrery{}", file.split('"').next().unwrap());
            assert!(project.path(&file).is_file(), "{file} is missing");
        }
    }
    fs::write(&manifest, "an older one").unwrap();
    project.write("My App/.orrery/sdk/src/removed.ts", "");
    project.build(&["-p", "My App"]).ok();
    assert_eq!(fs::read_to_string(&manifest).unwrap(), sdk);
    assert!(!project.path("My App/.orrery/sdk/src/removed.ts").exists());
    fs::remove_dir_all(project.path("My App/.orrery")).unwrap();
    project.build(&["-p", "My App"]).ok();
    assert!(manifest.is_file());
    // Projects that do not ask for it do not get it.
    let other = Project::new(&[("package.json", "{}"), ("src/index.ts", MODULE)]);
    other.build(&[]).ok();
    assert!(!other.path(".orrery").exists());
}
