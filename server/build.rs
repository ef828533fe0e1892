//! Puts the TypeScript SDK into the binary, so that modules can be bundled where nothing else is installed.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() {
    // Not `env!`: a build directory that was moved, or is shared, keeps this program compiled.
    let manifest_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let sdk = manifest_dir.join("../sdk-ts");
    let mut files = vec![sdk.join("package.json")];
    find_sources(&sdk.join("src"), &mut files);
    files.sort();

    let mut list = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(&sdk).expect("it was found there");
        let path = file.canonicalize().expect("it was found there");
        writeln!(list, "    ({name:?}, include_str!({path:?})),").expect("a string takes all");
    }
    list.push(']');
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out_dir.join("sdk.rs"), list).expect("cargo has made the folder");

    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", sdk.join("package.json").display());
    // A folder stands for all that is in it.
    println!("cargo::rerun-if-changed={}", sdk.join("src").display());
}

fn find_sources(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder can be read to its end").path();
        if path.is_dir() {
            find_sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "ts") {
            files.push(path);
        }
    }
}
