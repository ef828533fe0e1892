//! Projects in TypeScript: their files, what `orrery build` makes of them, and where its source map leads.

use std::{fs, path::Path};

use sourcemap::DecodedMap;

use crate::{Cli, Printed};

/// A module that uses nothing but the SDK.
pub const MODULE: &str = "\
import { schema, t, table } from 'orrery/server';
const db = schema({ person: table({ public: true }, { name: t.string() }) });
export default db;
export const add = db.reducer({ name: t.string() }, (ctx, { name }) => {
  ctx.db.person.insert({ name });
});
";

/// A user in the folder of a project.
#[derive(Debug, Default)]
pub struct Project {
    /// The user.
    pub cli: Cli,
}

impl Project {
    /// A project with these files: where, and what is in them.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let project = Self::default();
        files.iter().for_each(|(path, text)| project.write(path, text));
        project
    }

    /// Puts a file there.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }

    /// Where a file is.
    pub fn path(&self, path: &str) -> std::path::PathBuf {
        self.cli.home().join(path)
    }

    /// `orrery build` with these arguments.
    #[track_caller]
    pub fn build(&self, arguments: &[&str]) -> Printed {
        self.cli.run(&[&["build"], arguments].concat())
    }

    /// Builds what must be fit to be built, and gives the bundle.
    #[track_caller]
    pub fn bundle(&self, arguments: &[&str]) -> Bundle {
        self.build(&[arguments, &["-o", "out/bundle.js"]].concat()).ok();
        Bundle::read(&self.path("out/bundle.js"))
    }
}

/// A program in JavaScript, and its source map.
#[derive(Debug)]
pub struct Bundle {
    /// The whole text.
    pub code: String,
    map: DecodedMap,
}

impl Bundle {
    /// Reads one that must have a source map in its last line.
    #[track_caller]
    pub fn read(file: &Path) -> Self {
        let code = fs::read_to_string(file).expect("there is a bundle");
        let url = code.trim_end().rsplit_once("\n//# sourceMappingURL=").expect("it has a source map").1;
        let map = sourcemap::decode_data_url(url).expect("its source map can be decoded");
        Self { code, map }
    }

    /// File and line (from 1) that the one place with that text comes from.
    #[track_caller]
    pub fn origin(&self, text: &str) -> (String, u32) {
        assert_eq!(self.code.matches(text).count(), 1, "`{text}` is not once in the bundle:\n{}", self.code);
        let at = self.code.find(text).expect("just counted");
        let before = &self.code[..at];
        let line = before.matches('\n').count();
        let column = at - before.rfind('\n').map_or(0, |end| end + 1);
        let place = |number: usize| u32::try_from(number).expect("a bundle is no larger");
        let token = self.map.lookup_token(place(line), place(column)).expect("the place is mapped");
        (token.get_source().expect("to a file").to_string(), token.get_src_line() + 1)
    }

    /// The names of its exports, in the order of the text.
    pub fn exports(&self) -> Vec<&str> {
        let list = self
            .code
            .rsplit_once("export {")
            .and_then(|(_, rest)| rest.split_once('}'))
            .expect("it exports")
            .0;
        list.split(',').map(|item| item.rsplit_once(" as ").map_or(item, |(_, name)| name).trim()).collect()
    }
}
