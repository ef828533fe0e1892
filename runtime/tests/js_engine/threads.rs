//! Several instances on one thread, and on many.

use std::thread;

use orrery_host_abi::{Instance, Outcome};
use orrery_runtime::engine::js::JsInstance;

use crate::{LIMIT, compile, instance, mock::Mock, module_with_reducer, reducer};

fn counter() -> JsInstance<Mock> {
    instance(&module_with_reducer(
        "globalThis.count = (globalThis.count ?? 0) + 1; throw new SenderError(`${globalThis.count}`);",
    ))
}

fn count(instance: &mut JsInstance<Mock>) -> u32 {
    match instance.call(Mock::default(), &reducer()).1 {
        Outcome::Refused(text) => text.parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn instances_take_turns_and_go_in_any_order() {
    let (mut a, mut b) = (counter(), counter());
    assert_eq!((count(&mut a), count(&mut b), count(&mut a), count(&mut a)), (1, 1, 2, 3));
    // The older one first.
    drop(a);
    assert_eq!(count(&mut b), 2);
    let mut c = counter();
    assert_eq!((count(&mut c), count(&mut b)), (1, 3));
    // The younger one first.
    drop(c);
    assert_eq!(count(&mut b), 4);
    // A new one starts while the old one is still there, which then goes.
    for n in 5..15 {
        let mut next = counter();
        assert_eq!((count(&mut next), count(&mut b)), (1, n));
        drop(std::mem::replace(&mut b, next));
        for _ in 1..n {
            count(&mut b);
        }
    }
}

#[test]
fn an_instance_runs_inside_a_host_call_of_another() {
    let mut outer = instance(&module_with_reducer(
        "globalThis.count = (globalThis.count ?? 0) + 1;
         sys.identity();
         globalThis.count += sys.identity() ? 1 : 0;
         throw new SenderError(`${globalThis.count}`);",
    ));
    let inner = || {
        let mut inner = counter();
        assert_eq!((count(&mut inner), count(&mut inner)), (1, 2));
    };
    for n in [2, 4] {
        let (_, outcome) = outer.call(Mock { does: Some(inner), ..Mock::default() }, &reducer());
        assert_eq!(outcome, Outcome::Refused(n.to_string()));
    }
    assert_eq!(count(&mut counter()), 1);
}

#[test]
fn a_program_runs_on_many_threads_that_come_and_go() {
    let text = module_with_reducer(
        "let sum = 0;
         for (let n = 0; n < 100; n++) sum += n;
         throw new SenderError(`${sum}`);",
    );
    let program = compile(&text).unwrap();
    for _ in 0..4 {
        thread::scope(|scope| {
            for _ in 0..4 {
                let builder = thread::Builder::new().stack_size(2 << 20);
                let program = program.clone();
                let work = move || {
                    let mut instance = program.start(Mock::default(), LIMIT).1.unwrap();
                    for _ in 0..200 {
                        assert_eq!(count(&mut instance), 4950);
                    }
                };
                builder.spawn_scoped(scope, work).unwrap();
            }
        });
    }
}
