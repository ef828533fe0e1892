//! The cache of what V8 makes of texts, from outside.

use std::{fs, path::Path, path::PathBuf};

use bytes::Bytes;
use orrery_host_abi::{Hash, Instance, Outcome};
use orrery_runtime::engine::js::{JsConfig, JsEngine};

use crate::{LIMIT, MEMORY_LIMIT, mock::Mock, module, reducer};

const PROGRAM: Hash = Hash([0xab; 32]);

fn engine(dir: &Path) -> JsEngine {
    let config = JsConfig { cache_dir: Some(dir.to_owned()), memory_limit: MEMORY_LIMIT };
    JsEngine::new(&config).expect("the engine starts")
}

/// A program that describes itself like this. All are of one length, which is what V8 tells texts apart by.
fn program(description: u8) -> Bytes {
    module(&format!("function describe() {{ return new Uint8Array([{description}]); }}")).into()
}

/// What a program says about itself, and whether it can be called afterwards.
fn run(engine: &JsEngine, bytes: &Bytes) -> Vec<u8> {
    let program = engine.compile(PROGRAM, bytes).unwrap();
    let description = program.describe(Mock::default(), LIMIT).1.unwrap();
    let mut instance = program.start(Mock::default(), LIMIT).1.unwrap();
    assert_eq!(instance.call(Mock::default(), &reducer()).1, Outcome::Done(vec![]));
    description
}

fn files(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn code_is_kept_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = &dir.path().join("not").join("yet");
    assert_eq!(run(&engine(dir), &program(1)), [1]);
    assert_eq!(files(dir).len(), 1);
    // Another program under the same hash tells whether the code came from the cache.
    assert_eq!(run(&engine(dir), &program(2)), [1]);
    assert_eq!(files(dir).len(), 1);
}

#[test]
fn code_is_kept_for_instances_to_come() {
    let dir = tempfile::tempdir().unwrap();
    let program = engine(dir.path()).compile(PROGRAM, &program(1)).unwrap();
    for _ in 0..2 {
        assert_eq!(program.describe(Mock::default(), LIMIT).1, Ok(vec![1]));
        for file in files(dir.path()) {
            fs::remove_file(file).unwrap();
        }
    }
    assert!(files(dir.path()).is_empty());
}

#[test]
fn what_v8_does_not_take_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    assert_eq!(run(&engine(dir), &program(1)), [1]);
    let [file] = &files(dir)[..] else { panic!("one file") };
    let good = fs::read(file).unwrap();
    // A text of another length is not the text that the code was made of.
    let longer = [&program(2)[..], b"\n\n"].concat().into();
    assert_eq!(run(&engine(dir), &longer), [2]);
    assert_ne!(fs::read(file).unwrap(), good);
    // Damaged files do not even get that far.
    for place in [0, 15, 16, 40, 48, 100, good.len() / 2, good.len() - 1] {
        let mut damaged = good.clone();
        damaged[place] ^= 0x10;
        fs::write(file, &damaged).unwrap();
        assert_eq!(run(&engine(dir), &program(3)), [3], "byte {place}");
        assert_eq!(fs::metadata(file).unwrap().len(), good.len() as u64);
    }
}
