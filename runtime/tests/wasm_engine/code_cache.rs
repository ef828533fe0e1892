//! The cache of compiled code, from outside.

use std::{fs, path::Path};

use orrery_host_abi::{Hash, Instance, Outcome};
use orrery_runtime::engine::{
    LoadError,
    wasm::{WasmConfig, WasmEngine},
};

use crate::{LIMIT, MEMORY_LIMIT, mock::Mock, module_with_reducer, reducer};

const PROGRAM: Hash = Hash([0xab; 32]);

fn engine(dir: &Path) -> WasmEngine {
    let config = WasmConfig { cache_dir: Some(dir.to_owned()), memory_limit: MEMORY_LIMIT };
    WasmEngine::new(&config).expect("the engine starts")
}

/// What a program of the given bytes does when it is run.
fn run(engine: &WasmEngine, bytes: &[u8]) -> Result<Outcome, LoadError> {
    let program = engine.compile(PROGRAM, bytes)?;
    let (mut instance, _) = program.start(Mock::default(), LIMIT).1?;
    Ok(instance.call(Mock::default(), &reducer()).1)
}

fn program(code: i32) -> Vec<u8> {
    wat::parse_str(module_with_reducer(&format!("(i32.const {code})"))).unwrap()
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

const DONE: Outcome = Outcome::Done(Vec::new());

#[test]
fn code_is_kept_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = &dir.path().join("not").join("yet");
    assert_eq!(run(&engine(dir), &program(0)), Ok(DONE));
    assert_eq!(files(dir).len(), 1);
    // Another program under the same hash tells whether the code came from the cache.
    assert_eq!(run(&engine(dir), &program(1)), Ok(DONE));
    assert_eq!(files(dir).len(), 1);
}

#[test]
fn modules_that_are_refused_are_refused_from_the_cache_too() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = wat::parse_str("(module)").unwrap();
    for _ in 0..2 {
        assert!(matches!(run(&engine(dir.path()), &bytes), Err(LoadError::Abi(_))));
    }
}

#[test]
fn damaged_files_are_compiled_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    assert_eq!(run(&engine(dir), &program(0)), Ok(DONE));
    let [file] = &files(dir)[..] else { panic!("one file") };
    let good = fs::read(file).unwrap();
    let mut damaged = vec![vec![], good[..good.len() / 2].to_vec(), b"something else".to_vec()];
    for place in [0, 15, 16, 40, 48, 100, good.len() / 2, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[place] ^= 0x10;
        damaged.push(bytes);
    }
    damaged.push([&good[..], b"more"].concat());
    for bytes in damaged {
        fs::write(file, &bytes).unwrap();
        let refused = run(&engine(dir), &program(1)).unwrap();
        assert_eq!(refused, Outcome::Refused(String::new()), "compiled anew");
        // And what was written is whole again.
        assert_eq!(run(&engine(dir), &program(0)), Ok(refused));
    }
}

#[test]
fn a_file_of_another_program_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let engine = engine(dir);
    engine.compile::<Mock>(Hash([1; 32]), &program(1)).unwrap();
    let [other] = &files(dir)[..] else { panic!("one file") };
    let name = other.file_name().unwrap().to_str().unwrap();
    let renamed = dir.join(name.replace(&"01".repeat(32), &"ab".repeat(32)));
    fs::rename(other, renamed).unwrap();
    assert_eq!(run(&engine, &program(0)), Ok(DONE));
}

#[test]
fn a_directory_that_cannot_be_used_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let config = WasmConfig { cache_dir: Some(file), ..WasmConfig::default() };
    let error = WasmEngine::new(&config).unwrap_err();
    assert!(error.contains("file"), "{error}");
}

#[test]
fn a_directory_that_vanishes_costs_only_time() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(&dir.path().join("cache"));
    fs::remove_dir_all(dir.path().join("cache")).unwrap();
    assert_eq!(run(&engine, &program(0)), Ok(DONE));
}
