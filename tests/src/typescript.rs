//! The modules under `tests/modules-ts`, bundled by `orrery build`.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{LazyLock, Mutex},
};

use crate::{Cli, modules::tests_dir};

/// What such a module imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Package {
    /// The official npm package, as the sources say.
    Official,
    /// Orrery's own SDK. Nothing but the names of the imports is changed.
    Orrery,
}

/// The bundle of a module, by the name of its file or folder. Made once in a process.
pub fn bundle(module: &str, package: Package) -> Vec<u8> {
    type Bundles = HashMap<(String, Package), Vec<u8>>;
    static BUNDLES: LazyLock<Mutex<Bundles>> = LazyLock::new(Mutex::default);
    let mut bundles = BUNDLES.lock().expect("no bundle failed");
    bundles.entry((module.to_string(), package)).or_insert_with(|| build(module, package)).clone()
}

fn build(module: &str, package: Package) -> Vec<u8> {
    let user = Cli::new();
    let sources = tests_dir().join("modules-ts");
    let folder = match package {
        Package::Official => sources,
        Package::Orrery => {
            // Away from the installed packages: the SDK in the program is all that they get.
            let copy = user.home().join("modules");
            copy_for_orrery(&sources, &copy);
            copy
        }
    };
    let file = ["", "/index"].map(|end| folder.join(format!("{module}{end}.ts")));
    let file =
        file.iter().find(|file| file.is_file()).unwrap_or_else(|| panic!("there is no module {module}"));
    let bundle = user.home().join("bundle.js");
    let path = |path: &Path| path.to_str().expect("paths here are UTF-8").to_string();
    // `make test` checks the types, once.
    user.run(&["build", &path(file), "--no-typecheck", "-o", &path(&bundle)]).ok();
    fs::read(bundle).expect("the bundle has been made")
}

fn copy_for_orrery(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("the sources are there") {
        let path = entry.expect("and can be listed").path();
        let name = path.file_name().expect("it has a name");
        if path.is_dir() && name != "node_modules" {
            copy_for_orrery(&path, &to.join(name));
        } else if path.extension().is_some_and(|extension| extension == "ts") {
            let source = fs::read_to_string(&path).expect("a source can be read");
            let source = source.replace("from 'spacetimedb", "from 'orrery");
            fs::write(to.join(name), source).expect("a file can be written");
        }
    }
}
