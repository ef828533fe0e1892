//! A project in TypeScript. It needs neither Node.js nor npm; with them, `tsc` checks its types.

use super::sdk_files;

/// Its files: where, and what is in them.
pub(super) fn files(name: &str) -> Vec<(&'static str, String)> {
    vec![
        ("package.json", package(name)),
        ("tsconfig.json", compiler_options()),
        (".gitignore", "/.orrery\n/dist\n/node_modules\n".into()),
        ("src/index.ts", MODULE.into()),
    ]
}

fn package(name: &str) -> String {
    format!(
        r#"{{
  "name": "{name}",
  "version": "0.1.0",
  "private": true,
  "type": "module",
  "scripts": {{
    "build": "orrery build",
    "publish": "orrery publish {name}"
  }},
  "devDependencies": {{
    "typescript": "^7.0.2"
  }}
}}
"#
    )
}

fn compiler_options() -> String {
    let paths: Vec<String> = sdk_files::sources()
        .map(|(specifier, file)| format!("      \"{specifier}\": [\"./{file}\"]"))
        .collect();
    format!(
        r#"{{
  "compilerOptions": {{
    "target": "esnext",
    "module": "esnext",
    "moduleResolution": "bundler",
    "lib": ["esnext", "dom"],
    "types": [],
    "strict": true,
    "noEmit": true,
    "isolatedModules": true,
    "allowImportingTsExtensions": true,
    "paths": {{
{}
    }}
  }},
  "include": ["src"]
}}
"#,
        paths.join(",\n")
    )
}

const MODULE: &str = r#"import { schema, SenderError, t, table } from 'orrery/server';

/** People who have said hello. */
const person = table(
  { name: 'person' },
  {
    id: t.u64().primaryKey().autoInc(),
    name: t.string(),
    met: t.timestamp(),
  }
);

const db = schema({ person });
export default db;

/** Adds somebody. */
export const add = db.reducer({ name: t.string() }, (ctx, { name }) => {
  if (name === '') {
    throw new SenderError('a person needs a name');
  }
  const { id } = ctx.db.person.insert({ id: 0n, name, met: ctx.timestamp });
  console.log(`${name} is number ${id}`);
});

/** Everybody. */
export const people = db.anonymousView({ public: true }, t.array(person.rowType), ctx => [
  ...ctx.db.person.iter(),
]);
"#;
