//! Bytes that are not a module, or not quite.

use std::time::{Duration, Instant};

use orrery_host_abi::{Call, Hash, Instance};
use orrery_runtime::engine::{LoadError, wasm::WasmEngine};
use proptest::prelude::*;

use crate::{engine, mock::Mock, module, reducer};

/// A module with a bit of everything.
fn sample() -> Vec<u8> {
    wat::parse_str(module(
        "(table 4 funcref) (elem (i32.const 0) $a $a)
        (global $g (mut i32) (i32.const 5))
        (data (i32.const 1024) \"some data\")
        (func $a (param i32) (result i32)
            (block $out (loop $in (br_if $out (i32.eqz (local.get 0)))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br $in)))
            (global.set $g (memory.grow (i32.const 1)))
            (i32.load offset=3 (local.get 0)))
        (func (export \"__preinit__10_x\") (drop (call $a (global.get $g))))
        (func (export \"__setup__\") (param i32) (result i32) (i32.const 0))",
    ))
    .unwrap()
}

/// Takes the bytes as far as they go. Nothing may panic, hang or crash.
fn try_all(engine: &WasmEngine, bytes: &[u8]) -> Result<(), LoadError> {
    let limit = Duration::from_millis(100);
    let program = engine.compile::<Mock>(Hash::default(), bytes)?;
    let (mut instance, _) = program.start(Mock::default(), limit).1?;
    instance.call(Mock::default(), &Call { time_limit: limit, ..reducer() });
    Ok(())
}

#[test]
fn the_sample_itself_is_taken() {
    try_all(&engine(), &sample()).unwrap();
}

#[test]
fn a_module_cut_short_is_refused() {
    let (engine, sample) = (engine(), sample());
    for len in 0..sample.len() {
        // At the end of a section, what is there may be a module, but not one of ours. The last section holds
        // names, which may be missing.
        if let Ok(()) = try_all(&engine, &sample[..len]) {
            assert!(len > sample.len() / 2, "cut at {len} of {}", sample.len());
        }
    }
}

#[test]
fn a_flipped_bit_does_no_harm() {
    let (engine, sample) = (engine(), sample());
    for place in 0..sample.len() {
        let mut bytes = sample.clone();
        bytes[place] ^= 1 << (place % 8);
        let _ = try_all(&engine, &bytes);
    }
}

#[test]
fn text_and_other_files_are_refused() {
    let engine = engine();
    for bytes in
        [&b""[..], b"(module)", b"\0asm", b"\0asm\x0d\0\x01\0", b"\x7fELF\x02\x01\x01", b"export default 1;"]
    {
        assert!(matches!(try_all(&engine, bytes), Err(LoadError::Invalid(_))), "{bytes:?}");
    }
    // An empty module is valid, but not one of ours.
    assert!(matches!(try_all(&engine, b"\0asm\x01\0\0\0"), Err(LoadError::Abi(_))));
}

#[test]
fn what_would_keep_the_compiler_busy_for_hours_is_refused() {
    let locals = "(local i32)".repeat(5000);
    let many_locals = wat::parse_str(module(&format!("(func {locals} {})", "(loop)".repeat(3000)))).unwrap();
    for bytes in [nested(LOOP, 20_000), nested(BLOCK, 200_000), many_locals] {
        let began = Instant::now();
        let refused = try_all(&engine(), &bytes).unwrap_err();
        assert!(matches!(&refused, LoadError::Invalid(text) if text.contains("loops")), "{refused}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

const BLOCK: u8 = 0x02;
const LOOP: u8 = 0x03;

/// A module with one function of blocks inside each other. The text format has a limit on nesting.
fn nested(block: u8, n: usize) -> Vec<u8> {
    let mut body = vec![0];
    body.extend([block, 0x40].repeat(n));
    body.extend([0x0b].repeat(n + 1));
    let section = |id: u8, contents: &[u8]| [&[id], &leb128(contents.len())[..], contents].concat();
    let code = [&[1], &leb128(body.len())[..], &body[..]].concat();
    [&b"\0asm\x01\0\0\0"[..], &section(1, &[1, 0x60, 0, 0]), &section(3, &[1, 0]), &section(10, &code)]
        .concat()
}

fn leb128(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend(&bytes);
        let engine = engine();
        prop_assert!(try_all(&engine, &bytes).is_err());
        prop_assert!(try_all(&engine, &module).is_err());
    }

    #[test]
    fn random_changes_do_no_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = sample();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = try_all(&engine(), &bytes);
    }
}
