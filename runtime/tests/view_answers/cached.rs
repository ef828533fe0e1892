//! Answers that are kept.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use orrery_host_abi::bsatn::Encode;
use orrery_runtime::{Args, CallError, ClientPolicy, HostConfig, ViewReply};
use proptest::{prelude::*, strategy::ValueTree};

use crate::support::{Ask, Step, Views, World, apply, ask, ask_plain, caller, fail, program, rows_of, split};

/// Few ids and owners, so that they meet.
pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..8_u32, 0..4_u32, 0..5_u32).prop_map(Step::Put),
        1 => (0..8_u32).prop_map(Step::Remove),
    ]
}

pub(crate) fn any_ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        (0..8_u32).prop_map(|id| ask("item_by_id", &id)),
        (0..8_u32).prop_map(|id| ask("item_by_range", &id)),
        (0..4_u32).prop_map(|owner| ask("items_of", &owner)),
        (0..4_u32).prop_map(|owner| ask("items_from", &owner)),
        Just(ask_plain("all_items")),
        Just(ask_plain("item_count")),
        "[ab]".prop_map(|key| ask("note_of", &*key)),
        Just(ask_plain("all_notes")),
        prop::collection::vec(0..4_u32, 0..3).prop_map(|owners| ask("values_of", &owners)),
        (0..4_u8).prop_map(|asker| Ask { asker, ..ask_plain("mine") }),
    ]
}

#[derive(Debug, Clone)]
enum Deed {
    Apply(Vec<Step>),
    Fail(Vec<Step>),
    Note(String, u32),
    Ask(Ask),
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => prop::collection::vec(any_step(), 1..4).prop_map(Deed::Apply),
        1 => prop::collection::vec(any_step(), 1..4).prop_map(Deed::Fail),
        1 => ("[ab]", 0..3_u32).prop_map(|(key, value)| Deed::Note(key, value)),
        10 => any_ask().prop_map(Deed::Ask),
    ]
}

#[test]
fn an_answer_is_always_what_a_computation_would_give() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut world = runtime.block_on(World::new(HostConfig::default()));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let deeds = prop::collection::vec(any_deed(), 1500);
    let deeds = deeds.new_tree(&mut runner).unwrap().current();
    let mut asked = 0;
    for deed in deeds {
        runtime.block_on(async {
            match deed {
                Deed::Apply(steps) => world.apply(&steps).await,
                Deed::Fail(steps) => fail(&world.database, &steps).await,
                Deed::Note(key, value) => world.put_note(&key, value).await,
                Deed::Ask(ask) => {
                    asked += 1;
                    world.check(&ask).await;
                }
            }
        });
    }
    let stats = world.database.stats();
    assert_eq!(stats.views_run + stats.views_unchanged, asked);
    assert!(stats.views_unchanged > asked / 4, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_looked_up_by_key_holds_while_that_key_is_left_alone() {
    let mut world = World::new(HostConfig::default()).await;
    world.apply(&[Step::Put((1, 10, 1)), Step::Put((2, 20, 2))]).await;
    world.put_note("a", 1).await;
    let by_key = [
        ask("item_by_id", &1_u32),
        ask("item_by_range", &1_u32),
        ask("items_of", &10_u32),
        ask("values_of", &vec![10_u32, 30]),
        Ask { asker: 10, ..ask_plain("mine") },
    ];
    let by_table = [ask_plain("all_items"), ask_plain("item_count"), ask("items_from", &10_u32)];
    let all: Vec<_> = by_key.iter().chain(&by_table).cloned().collect();
    for ask in &all {
        assert!(world.computes(ask).await, "{ask:?}");
        assert!(!world.computes(ask).await, "{ask:?}");
    }
    // Another key, and another table.
    world.apply(&[Step::Put((2, 20, 7)), Step::Put((5, 50, 5)), Step::Remove(9)]).await;
    world.put_note("b", 1).await;
    for ask in &by_key {
        assert!(!world.computes(ask).await, "{ask:?}");
    }
    for ask in &by_table {
        assert!(world.computes(ask).await, "{ask:?}");
    }
    // What comes to nothing.
    fail(&world.database, &[Step::Put((1, 10, 100))]).await;
    world.apply(&[Step::Put((1, 10, 1))]).await;
    for ask in &all {
        assert!(!world.computes(ask).await, "{ask:?}");
    }
    // The old key of a row that gets another one, and then the new one.
    world.apply(&[Step::Put((1, 11, 1))]).await;
    for ask in &all {
        assert!(world.computes(ask).await, "{ask:?}");
    }
    world.apply(&[Step::Put((2, 10, 1))]).await;
    assert!(!world.computes(&ask("item_by_id", &1_u32)).await);
    assert!(world.computes(&ask("items_of", &10_u32)).await);
    // A key that was not there.
    assert!(world.computes(&ask("items_of", &99_u32)).await);
    world.apply(&[Step::Put((3, 98, 1))]).await;
    assert!(!world.computes(&ask("items_of", &99_u32)).await);
    world.apply(&[Step::Put((4, 99, 1))]).await;
    assert!(world.computes(&ask("items_of", &99_u32)).await);
    // A hash index, over keys of any length.
    assert!(world.computes(&ask("note_of", "a")).await);
    world.put_note("b", 2).await;
    assert!(!world.computes(&ask("note_of", "a")).await);
    world.put_note("a", 2).await;
    assert!(world.computes(&ask("note_of", "a")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_once_cost_one_computation() {
    let mut world = World::new(HostConfig::default()).await;
    for round in 1..=20 {
        world.apply(&[Step::Put((1, 1, round))]).await;
        let before = world.database.stats().views_run;
        let asking: Vec<_> = (0..32)
            .map(|asker| {
                let database = world.database.clone();
                tokio::spawn(
                    async move { rows_of(&database, &Ask { asker, ..ask_plain("all_items") }).await },
                )
            })
            .collect();
        for asking in asking {
            let answer = asking.await.unwrap().unwrap();
            assert_eq!(split(&answer.rows, &ask_plain("all_items")).len(), 1);
        }
        assert_eq!(world.database.stats().views_run, before + 1);
    }
    // Who asks matters where the view says so.
    for asker in 0..4 {
        assert!(world.computes(&Ask { asker, ..ask_plain("mine") }).await);
        assert!(!world.computes(&Ask { asker, ..ask_plain("mine") }).await);
    }
}

/// Whoever asks sees all that was acknowledged before, whatever is committed and computed meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_shows_all_that_was_acknowledged() {
    const WRITES: u32 = 300;
    let world = World::new(HostConfig::default()).await;
    let acknowledged: Arc<[AtomicU32; 4]> = Arc::default();
    let writers: Vec<_> = (0..2_u32)
        .map(|id| {
            let (database, acknowledged) = (world.database.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                for value in 1..=WRITES {
                    apply(&database, &[Step::Put((id, id, value))]).await;
                    acknowledged[id as usize].store(value, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let readers: Vec<_> = (0..6_u32)
        .map(|number| {
            let (database, acknowledged) = (world.database.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let id = number % 2;
                let ask = match number / 2 {
                    0 => ask("item_by_id", &id),
                    1 => ask("items_of", &id),
                    _ => ask_plain("all_items"),
                };
                let mut last = 0;
                while last < WRITES {
                    let least = acknowledged[id as usize].load(Ordering::SeqCst).max(last);
                    let answer = rows_of(&database, &ask).await.unwrap();
                    let rows = split(&answer.rows, &ask);
                    let value = rows.iter().find(|row| row[0] == id as u8);
                    last = value.map_or(0, |row| u32::from_le_bytes(row[8..].try_into().unwrap()));
                    assert!(last >= least, "{ask:?} shows {last} after {least}");
                    // An answer that is kept comes without waiting, and the writers want to run, too.
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in writers.into_iter().chain(readers) {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_and_other_data_make_all_answers_void() {
    let mut world = World::new(HostConfig::default()).await;
    world.apply(&[Step::Put((1, 1, 1))]).await;
    let asks = [ask("item_by_id", &1_u32), ask_plain("all_items"), ask_plain("item_count")];
    for ask in &asks {
        world.check(ask).await;
    }
    let other = program(Views::all(), "another one");
    world.database.publish(other, ClientPolicy::Keep).await.unwrap();
    for ask in &asks {
        assert!(world.computes(ask).await);
    }
    world.database.reset(None).await.unwrap();
    world.model = Default::default();
    for ask in &asks {
        assert!(world.computes(ask).await);
    }
    let without = program(Views::all().without("all_items"), "");
    world.database.publish(without, ClientPolicy::Break).await.unwrap();
    let missing = rows_of(&world.database, &ask_plain("all_items")).await;
    assert!(matches!(missing, Err(CallError::NoSuchFunction { kind: "view", .. })), "{missing:?}");
    world.check(&ask_plain("item_count")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_name_rows_also_after_a_restart() {
    let mut world = World::new(HostConfig::default()).await;
    world.apply(&[Step::Put((1, 1, 1))]).await;
    let ask = ask_plain("all_items");
    let tag = Arc::clone(&world.ask(&ask).await.etag);
    let other_tag = {
        world.apply(&[Step::Put((1, 1, 2))]).await;
        Arc::clone(&world.ask(&ask).await.etag)
    };
    assert_ne!(tag, other_tag);
    world.apply(&[Step::Put((1, 1, 1))]).await;
    world.database.close().await.unwrap();
    let again =
        orrery_runtime::Database::open(&world.host, &world.path(), crate::support::KEY).await.unwrap();
    let reply = again.view_once(&caller(3), "all_items", &Args::none(), &["other", &tag]).await.unwrap();
    assert!(matches!(reply, ViewReply::NotModified(answer) if answer.etag == tag));
    let reply = again.view_once(&caller(3), "all_items", &Args::none(), &[&other_tag]).await.unwrap();
    assert!(matches!(reply, ViewReply::Rows(answer) if answer.etag == tag));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_take_no_more_memory_than_they_may() {
    const LIMIT: u64 = 256 << 10;
    let mut world = World::new(HostConfig { view_cache_bytes: LIMIT, ..HostConfig::default() }).await;
    world.apply(&[Step::Put((1, 1, 1))]).await;
    for round in 0..2 {
        for id in 0..1000_u32 {
            world.ask(&ask("item_by_id", &id)).await;
            let bytes = world.database.stats().view_cache_bytes;
            assert!(bytes <= LIMIT + 4096, "{bytes} bytes after {id} in round {round}");
        }
    }
    // What is asked for again and again stays.
    let favourite = ask("items_of", &1_u32);
    world.ask(&favourite).await;
    for id in 0..1000_u32 {
        world.ask(&ask("item_by_id", &id)).await;
        assert!(!world.computes(&favourite).await, "gone after {id}");
    }
    // What would take most of the room is given, but not kept.
    let large = ask("zeros", &12_000_u32);
    for _ in 0..2 {
        let answer = world.ask(&large).await;
        assert_eq!(answer.rows.len(), 4 + 12 * 12_000);
        drop(answer);
        assert!(world.database.stats().view_cache_bytes <= LIMIT + 4096);
    }
    assert!(!world.computes(&favourite).await);
    // What a frontend keeps with an answer counts.
    let before = world.database.stats().view_cache_bytes;
    let answer = world.ask(&favourite).await;
    for _ in 0..2 {
        let form = answer.forms.get_or_make(1, || Ok::<_, ()>(vec![7; 10_000].into()));
        assert_eq!(form.unwrap().len(), 10_000);
    }
    assert_eq!(world.database.stats().view_cache_bytes, before + 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_nothing_is_kept() {
    let world = World::new(HostConfig { view_cache_bytes: 0, ..HostConfig::default() }).await;
    for _ in 0..3 {
        assert!(world.computes(&ask_plain("all_items")).await);
    }
    // But for what the thread that has just answered is about to drop.
    let bytes = world.database.stats().view_cache_bytes;
    assert!(bytes <= 4096, "{bytes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_large_is_an_error_that_says_so() {
    let world = World::new(HostConfig { view_limit: 100 << 10, ..HostConfig::default() }).await;
    world.ask(&ask("zeros", &8000_u32)).await;
    let error = rows_of(&world.database, &ask("zeros", &9000_u32)).await.unwrap_err().to_string();
    assert!(error.contains("`zeros` gives 105 KiB") && error.contains("100 KiB"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_are_read_and_checked() {
    let mut world = World::new(HostConfig::default()).await;
    world.apply(&[Step::Put((1, 5, 1))]).await;
    let database = &world.database;
    let once = async |args: Args| database.view_once(&caller(0), "items_of", &args, &[]).await;
    for json in ["[5]", r#"{"owner": 5}"#] {
        let reply = once(Args::Json(json.into())).await.unwrap();
        assert!(matches!(reply, ViewReply::Rows(answer) if answer.rows.len() == 16), "{json}");
    }
    assert_eq!(database.stats().views_run, 1, "the same arguments, however they are written");
    for json in ["[]", "[5, 6]", r#"["x"]"#, r#"{"other": 5}"#, "5", "[-1]"] {
        let error = once(Args::Json(json.into())).await.unwrap_err();
        assert!(matches!(&error, CallError::InvalidArguments { kind: "view", .. }), "{json}: {error}");
        assert!(error.to_string().contains("items_of"), "{error}");
    }
    let short = once(Args::Bsatn(vec![1, 2].into())).await.unwrap_err();
    assert!(matches!(short, CallError::InvalidArguments { .. }), "{short}");
    // What follows the arguments means nothing.
    once(Args::Bsatn([5_u32.to_bsatn(), vec![9]].concat().into())).await.unwrap();
    assert_eq!(database.stats().views_run, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_fails_is_asked_again() {
    let mut world = World::new(HostConfig::default()).await;
    let no_item = ask("no_item", &1_u32);
    rows_of(&world.database, &no_item).await.unwrap();
    world.apply(&[Step::Put((1, 5, 1))]).await;
    for _ in 0..2 {
        let before = world.database.stats().views_run;
        let broken = rows_of(&world.database, &no_item).await.unwrap_err();
        assert!(matches!(broken, CallError::Broke(_)), "{broken}");
        assert_eq!(world.database.stats().views_run, before + 1);
    }
    world.apply(&[Step::Remove(1)]).await;
    rows_of(&world.database, &no_item).await.unwrap();
}
