//! Programs that are none, or that break the contract between module and host: refused with a reason, and nothing
//! changes.

use orrery_tests::{Database, Server, http::Client, modules, random::Random};

/// A module with an empty definition that holds to the contract, in pieces that a test can replace.
struct Module {
    imports: &'static str,
    memory: &'static str,
    /// The definition as bytes, in the escapes of the text format.
    definition: String,
    describe: &'static str,
    call_reducer: &'static str,
    more: &'static str,
}

impl Default for Module {
    fn default() -> Self {
        Self {
            imports: r#"(import "spacetime_10.0" "bytes_sink_write"
                (func $write (param i32 i32 i32) (result i32)))"#,
            memory: r#"(memory (export "memory") 2)"#,
            definition: escape(&[2, 0, 0, 0, 0]),
            describe: r#"(func (export "__describe_module__") (param i32)
                (drop (call $write (local.get 0) (i32.const 16) (i32.const 8))))"#,
            call_reducer: r#"(func (export "__call_reducer__")
                (param i32 i64 i64 i64 i64 i64 i64 i64 i32 i32) (result i32) (i32.const 0))"#,
            more: "",
        }
    }
}

impl Module {
    fn to_wasm(&self) -> Vec<u8> {
        let Self { imports, memory, definition, describe, call_reducer, more } = self;
        let length = escape(&u32::to_le_bytes(definition.len() as u32 / 3));
        let text = format!(
            r#"(module {imports} {memory} (data (i32.const 8) "{length}") (data (i32.const 16) "{definition}")
                {describe} {call_reducer} {more})"#
        );
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }
}

fn escape(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// What a program is refused with, under a new name and over a database that runs, which must go on as before.
#[track_caller]
fn refused(owner: &Client, running: &Database, program: &[u8]) -> String {
    let name = Database::new_name();
    let answer = owner.publish(&name, program).expect(400);
    assert!(!answer.text().is_empty(), "refused without a reason");
    owner.get(&format!("/v1/database/{name}")).expect(404);
    running.owner.publish(&running.name, program).expect(400);
    running.owner.put(&running.url("?clear=true"), program).expect(400);
    running.call("add_item", r#"["after", 1]"#).expect(200);
    let rows = running.rows("items").len();
    running.call("add_item", r#"["again", 1]"#).expect(200);
    assert_eq!(running.rows("items").len(), rows + 1);
    answer.text().to_string()
}

#[test]
fn the_module_that_the_others_differ_from_is_fine() {
    let owner = Server::shared().new_client();
    let program = Module::default().to_wasm();
    owner.publish(&Database::new_name(), &program).expect(200);
}

#[test]
fn what_is_no_wasm() {
    let owner = Server::shared().new_client();
    let running = Database::publish(Server::shared(), "publish-v1");
    let mut random = Random::new(7);
    for length in [0, 1, 4, 8, 1000, 100_000] {
        let bytes: Vec<u8> = (0..length).map(|_| random.number() as u8).collect();
        refused(&owner, &running, &bytes);
    }
    let mut with_magic = b"\0asm\x01\0\0\0".to_vec();
    with_magic.extend((0..1000).map(|_| random.number() as u8));
    refused(&owner, &running, &with_magic);
    refused(&owner, &running, b"(module)");
    refused(&owner, &running, "export const x = 1;".as_bytes());
}

#[test]
fn truncated_wasm() {
    let owner = Server::shared().new_client();
    let running = Database::publish(Server::shared(), "publish-v1");
    let program = modules::bytes("publish-v2");
    let mut random = Random::new(11);
    for _ in 0..20 {
        let length = random.below(program.len() as u64) as usize;
        refused(&owner, &running, &program[..length]);
    }
}

/// A flipped bit may well leave a module that loads. Whatever it does then, it does to its own database only.
#[test]
fn flipped_bits() {
    let owner = Server::shared().new_client();
    let running = Database::publish(Server::shared(), "publish-v1");
    let mut random = Random::new(13);
    for round in 0..20 {
        let mut program = modules::bytes("publish-init-fails");
        let at = random.below(program.len() as u64) as usize;
        program[at] ^= 1 << random.below(8);
        let answer = owner.publish(&Database::new_name(), &program);
        assert!(matches!(answer.status, 200 | 400), "round {round}: {} {}", answer.status, answer.text());
        running.call("add_item", r#"["after", 1]"#).expect(200);
        assert_eq!(running.rows("items").len(), round + 2);
    }
}

#[test]
fn imports_that_are_not_the_contracts() {
    let owner = Server::shared().new_client();
    let running = Database::publish(Server::shared(), "publish-v1");
    let write = Module::default().imports;
    let cases = [
        ("(func $write (param i32 i32 i32) (result i32) (i32.const 0))", "no import at all"),
        (
            r#"(import "spacetime_9.0" "bytes_sink_write" (func $write (param i32 i32 i32) (result i32)))"#,
            "9.0",
        ),
        (
            r#"(import "spacetime_10.6" "bytes_sink_write" (func $write (param i32 i32 i32) (result i32)))"#,
            "10.6",
        ),
        (
            r#"(import "spacetime_11.0" "bytes_sink_write" (func $write (param i32 i32 i32) (result i32)))"#,
            "11.0",
        ),
        (
            r#"(import "spacetime_10" "bytes_sink_write" (func $write (param i32 i32 i32) (result i32)))"#,
            "spacetime_10",
        ),
        (
            r#"(import "spacetime_ten" "bytes_sink_write" (func $write (param i32 i32 i32) (result i32)))"#,
            "spacetime_ten",
        ),
        // The function exists, in another minor version.
        (
            r#"(import "spacetime_10.1" "bytes_sink_write" (func $write (param i32 i32 i32) (result i32)))"#,
            "bytes_sink_write",
        ),
        (
            r#"(import "spacetime_10.0" "bytes_sink_writes" (func $write (param i32 i32 i32) (result i32)))"#,
            "bytes_sink_writes",
        ),
        (
            r#"(import "spacetime_10.0" "bytes_sink_write" (func $write (param i32 i64 i32) (result i32)))"#,
            "bytes_sink_write",
        ),
        (
            r#"(import "spacetime_10.0" "bytes_sink_write" (func $write (param i32 i32) (result i32)))"#,
            "bytes_sink_write",
        ),
    ];
    for (imports, named) in cases {
        let describe = match imports.contains("i64") || imports.contains("(param i32 i32) ") {
            true => r#"(func (export "__describe_module__") (param i32))"#,
            false => Module::default().describe,
        };
        let reason = refused(&owner, &running, &Module { imports, describe, ..Module::default() }.to_wasm());
        if named != "no import at all" {
            assert!(reason.contains(named), "the reason does not name {named}: {reason}");
        }
    }
    let strange = [
        (r#"(import "env" "abort" (func (param i32)))"#, "env"),
        (
            r#"(import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))"#,
            "wasi_snapshot_preview1",
        ),
        (r#"(import "spacetime_10.0" "memory" (memory 1))"#, "memory"),
    ];
    for (import, named) in strange {
        let imports: &'static str = format!("{write} {import}").leak();
        let memory =
            if named == "memory" { r#"(export "memory" (memory 0))"# } else { Module::default().memory };
        let reason = refused(&owner, &running, &Module { imports, memory, ..Module::default() }.to_wasm());
        assert!(reason.contains(named), "the reason does not name {named}: {reason}");
    }
}

#[test]
fn exports_that_are_missing_or_wrong() {
    let owner = Server::shared().new_client();
    let running = Database::publish(Server::shared(), "publish-v1");
    let cases = [
        (Module { memory: "(memory 2)", ..Module::default() }, "memory"),
        (
            Module {
                memory: r#"(memory 2) (global (export "memory") i32 (i32.const 0))"#,
                ..Module::default()
            },
            "memory",
        ),
        (Module { describe: "", ..Module::default() }, "__describe_module__"),
        (
            Module { describe: r#"(func (export "__describe_module__"))"#, ..Module::default() },
            "__describe_module__",
        ),
        (Module { call_reducer: "", ..Module::default() }, "__call_reducer__"),
        (
            Module {
                call_reducer: r#"(func (export "__call_reducer__") (param i32) (result i32) (i32.const 0))"#,
                ..Module::default()
            },
            "__call_reducer__",
        ),
        (Module { more: r#"(func (export "__setup__") (param i64))"#, ..Module::default() }, "__setup__"),
        (
            Module { more: r#"(func (export "__preinit__10_x") (param i32))"#, ..Module::default() },
            "__preinit__10_x",
        ),
    ];
    for (module, named) in cases {
        let reason = refused(&owner, &running, &module.to_wasm());
        assert!(reason.contains(named), "the reason does not name {named}: {reason}");
    }
}

#[test]
fn modules_that_break_while_they_start() {
    let owner = Server::shared().new_client();
    let running = Database::publish(Server::shared(), "publish-v1");
    let cases = [
        Module { more: r#"(func (export "__preinit__10_x") unreachable)"#, ..Module::default() },
        Module { more: r#"(func (export "_initialize") unreachable)"#, ..Module::default() },
        Module {
            more: r#"(func (export "__setup__") (param i32) (result i32) (i32.const 1))"#,
            ..Module::default()
        },
        Module {
            more: r#"(func (export "__setup__") (param i32) (result i32) (i32.const 77))"#,
            ..Module::default()
        },
        Module { more: "(func $start unreachable) (start $start)", ..Module::default() },
        Module {
            describe: r#"(func (export "__describe_module__") (param i32) unreachable)"#,
            ..Module::default()
        },
        Module { describe: r#"(func (export "__describe_module__") (param i32))"#, ..Module::default() },
        // A pointer that leads nowhere.
        Module {
            describe: r#"(func (export "__describe_module__") (param i32)
                (drop (call $write (local.get 0) (i32.const -16) (i32.const 8))))"#,
            ..Module::default()
        },
        // More memory than any module may have, and a data segment outside of it.
        Module { memory: r#"(memory (export "memory") 65536)"#, ..Module::default() },
        Module { more: r#"(data (i32.const 131072) "x")"#, ..Module::default() },
        Module { more: "(table 100000000 funcref)", ..Module::default() },
        Module { more: "(func $deeper (call $deeper)) (start $deeper)", ..Module::default() },
    ];
    for module in cases {
        refused(&owner, &running, &module.to_wasm());
    }
}

#[test]
fn a_module_that_never_finishes_starting() {
    let server = Server::start_with(&["--call-timeout", "1s"]);
    let owner = server.new_client();
    let running = Database::publish(&server, "publish-v1");
    for more in [
        "(func $start (loop (br 0))) (start $start)",
        r#"(func (export "__preinit__10_x") (loop (br 0)))"#,
        r#"(func (export "__setup__") (param i32) (result i32) (loop (br 0)) (i32.const 0))"#,
    ] {
        refused(&owner, &running, &Module { more, ..Module::default() }.to_wasm());
    }
}

#[test]
fn definitions_that_are_invalid() {
    let owner = Server::shared().new_client();
    let running = Database::publish(Server::shared(), "publish-v1");
    let string = |text: &str| [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let definition = |sections: &[Vec<u8>]| {
        [&[2][..], &(sections.len() as u32).to_le_bytes(), &sections.concat()].concat()
    };
    // Typespace with one product `(id: U32)`; U32 is tag 11 of AlgebraicType.
    let product = [&[2][..], &1u32.to_le_bytes(), &[0], &string("id"), &[11]].concat();
    let typespace = [&[0][..], &1u32.to_le_bytes(), &product].concat();
    let table = |name: &str, type_ref: u32, key: &[u16]| {
        let mut bytes = [&[2][..], &1u32.to_le_bytes(), &string(name), &type_ref.to_le_bytes()].concat();
        bytes.extend((key.len() as u32).to_le_bytes());
        bytes.extend(key.iter().flat_map(|column| column.to_le_bytes()));
        // No indexes, constraints, sequences; a user table, public; no defaults; not an event table.
        bytes.extend([0; 12]);
        bytes.extend([1, 0, 0, 0, 0, 0, 0]);
        bytes
    };
    let fine = Module {
        definition: escape(&definition(&[typespace.clone(), table("person", 0, &[])])),
        ..Module::default()
    };
    owner.publish(&Database::new_name(), &fine.to_wasm()).expect(200);

    let mut nested = vec![2];
    nested.extend(1u32.to_le_bytes());
    nested.push(0);
    nested.extend(1u32.to_le_bytes());
    // Arrays of arrays of arrays: tag 3 of AlgebraicType, fifty thousand times.
    nested.extend([3; 50_000]);
    nested.push(11);
    let cases: [(&str, Vec<u8>); 12] = [
        ("nothing", vec![]),
        ("an unknown version", vec![3, 0, 0, 0, 0]),
        ("an unknown section", vec![2, 1, 0, 0, 0, 99]),
        ("a count that lies", vec![2, 255, 255, 255, 255]),
        ("a count that lies about types", [&[2, 1, 0, 0, 0, 0][..], &[255; 4]].concat()),
        ("cut short", definition(&[typespace.clone(), table("person", 0, &[])])[..40].to_vec()),
        ("a type that is not there", definition(&[typespace.clone(), table("person", 7, &[])])),
        ("a key column that is not there", definition(&[typespace.clone(), table("person", 0, &[3])])),
        ("a table without a name", definition(&[typespace.clone(), table("", 0, &[])])),
        ("a name that is no identifier", definition(&[typespace.clone(), table("my person!", 0, &[])])),
        ("a name of underscores", definition(&[typespace, table("___", 0, &[])])),
        ("types without end", nested),
    ];
    for (what, bytes) in cases {
        let module = Module { definition: escape(&bytes), ..Module::default() };
        // Only the long one reaches beyond the first page.
        let reason = refused(&owner, &running, &module.to_wasm());
        println!("{what}: {reason}");
    }
    let reason = refused(&owner, &running, &modules::bytes("publish-invalid"));
    assert!(reason.contains("player_1"), "the reason does not name the table: {reason}");
}
