//! Views that are watched.

use std::time::Duration;

use orrery_runtime::{Args, ClientPolicy, HostConfig, StateId, ViewEnd, ViewEvent};
use proptest::{prelude::*, strategy::ValueTree};

use crate::{
    cached::{any_ask, any_step},
    support::{Ask, Step, Views, Watcher, World, ask, ask_plain, caller, program},
};

#[derive(Debug, Clone)]
enum Deed {
    Apply(Vec<Step>),
    Note(String, u32),
    /// Somebody begins to watch.
    Watch(Ask),
    /// One of those who watch takes what is there.
    Drain(prop::sample::Index),
    /// One is cut off, and comes back.
    Return(prop::sample::Index),
    /// One goes for good.
    Leave(prop::sample::Index),
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        10 => prop::collection::vec(any_step(), 1..4).prop_map(Deed::Apply),
        3 => ("[ab]", 0..3_u32).prop_map(|(key, value)| Deed::Note(key, value)),
        4 => any_ask().prop_map(Deed::Watch),
        10 => index().prop_map(Deed::Drain),
        2 => index().prop_map(Deed::Return),
        1 => index().prop_map(Deed::Leave),
    ]
}

#[test]
fn those_who_watch_have_what_a_computation_would_give() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut world = runtime.block_on(World::new(HostConfig::default()));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let deeds = prop::collection::vec(any_deed(), 600).new_tree(&mut runner).unwrap().current();
    let mut watchers: Vec<Watcher> = Vec::new();
    runtime.block_on(async {
        for deed in deeds {
            match deed {
                Deed::Apply(steps) => world.apply(&steps).await,
                Deed::Note(key, value) => world.put_note(&key, value).await,
                Deed::Watch(ask) => watchers.push(world.watch(&ask).await),
                Deed::Drain(_) | Deed::Return(_) | Deed::Leave(_) if watchers.is_empty() => {}
                Deed::Drain(at) => {
                    let count = watchers.len();
                    watchers[at.index(count)].drain();
                }
                Deed::Return(at) => {
                    let count = watchers.len();
                    let watcher = watchers.swap_remove(at.index(count));
                    watchers.push(cut_off(&world, watcher).await);
                }
                Deed::Leave(at) => {
                    let count = watchers.len();
                    drop(watchers.swap_remove(at.index(count)));
                }
            }
        }
        assert!(watchers.len() > 20);
        for watcher in &mut watchers {
            let wanted = world.model.answer(&watcher.ask);
            watcher.until(&wanted).await;
        }
    });
    let changes: usize = watchers.iter().map(|watcher| watcher.changes).sum();
    assert!(changes > 50, "only {changes} changes");
    let stats = world.database.stats();
    assert_eq!(stats.view_watchers, watchers.len() as u64);
    assert!(stats.live_views < stats.view_watchers, "the same views are watched by several: {stats:?}");
    drop(watchers);
    assert_eq!(world.database.stats().view_watchers, 0);
}

/// The same watcher on another connection.
async fn cut_off(world: &World, mut watcher: Watcher) -> Watcher {
    let Ask { view, args, asker } = watcher.ask.clone();
    let args = Args::Bsatn(args);
    let Some(id) = watcher.id else { return world.watch(&watcher.ask).await };
    // Whether those who watched go first must not matter.
    let again = world.database.watch_view_from(&caller(asker), view, &args, id).await.unwrap();
    watcher.watch = again;
    watcher
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_first_and_then_what_changes() {
    let mut world = World::new(HostConfig::default()).await;
    world.apply(&[Step::Put((1, 1, 1)), Step::Put((2, 2, 2))]).await;
    let all = ask_plain("all_items");
    let mut watcher = world.watch(&all).await;
    watcher.next().await;
    assert_eq!((watcher.snapshots, watcher.changes), (1, 0));
    assert!(watcher.watch.try_next().is_none());
    world.apply(&[Step::Put((1, 1, 5)), Step::Remove(2), Step::Put((3, 3, 3))]).await;
    let Ok(ViewEvent::Change(change)) = watcher.watch.next().await else { panic!("a change was expected") };
    assert_eq!(change.inserts[..4], 2_u32.to_le_bytes());
    assert_eq!(change.deletes[..4], 2_u32.to_le_bytes());
    assert_eq!(change.offset.0, world.database.stats().durable_offset);
    // What does not show is no change.
    let mut one = world.watch(&ask("item_by_id", 1_u32)).await;
    one.next().await;
    let run = world.database.stats().views_run;
    world.apply(&[Step::Put((7, 7, 7))]).await;
    watcher.watch.next().await.unwrap();
    assert!(one.watch.try_next().is_none());
    assert_eq!(world.database.stats().views_run, run + 1, "only what was touched is computed");
    world.apply(&[Step::Put((1, 9, 9))]).await;
    one.until(&world.model.answer(&one.ask)).await;
    assert_eq!((one.snapshots, one.changes), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_watch_for_the_price_of_one() {
    let mut world = World::new(HostConfig::default()).await;
    let all = ask_plain("all_items");
    let mut watchers = Vec::new();
    for asker in 0..100 {
        let mut watcher = world.watch(&Ask { asker, ..all.clone() }).await;
        watcher.next().await;
        watchers.push(watcher);
    }
    assert_eq!(world.database.stats().views_run, 1);
    let tasks: Vec<_> = watchers
        .into_iter()
        .map(|mut watcher| {
            tokio::spawn(async move {
                let wanted: Vec<_> = (0..50_u32)
                    .map(|id| [id, id, id].iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>())
                    .collect();
                let mut wanted = wanted;
                wanted.sort();
                watcher.until(&wanted).await;
                watcher
            })
        })
        .collect();
    for id in 0..50 {
        world.apply(&[Step::Put((id, id, id))]).await;
    }
    for task in tasks {
        let watcher = task.await.unwrap();
        assert_eq!(watcher.snapshots, 1);
    }
    assert!(world.database.stats().views_run <= 51);
    let stats = world.database.stats();
    assert_eq!((stats.live_views, stats.view_watchers), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_gets_what_was_missed_if_it_is_still_known() {
    let mut world = World::new(HostConfig::default()).await;
    let all = ask_plain("all_notes");
    let mut watcher = world.watch(&all).await;
    watcher.next().await;
    let first = watcher.id.unwrap();
    drop(watcher.watch);
    for value in 0..3 {
        world.put_note("a", value).await;
    }
    let again = async |since: StateId| {
        let watch = world.database.watch_view_from(&caller(0), "all_notes", &Args::none(), since).await;
        watch.unwrap()
    };
    let mut back = Watcher { watch: again(first).await, ..watcher };
    back.until(&world.model.answer(&all)).await;
    assert_eq!(back.snapshots, 1, "no more rows than at the beginning");
    assert!(back.changes > 0);
    let last = back.id.unwrap();

    // Nothing was missed.
    let mut current = again(last).await;
    assert!(current.try_next().is_none());
    // States of another life, and of the future.
    let text = last.to_string();
    let (life, number) = text.split_once('-').unwrap();
    for other in [format!("{}-{number}", "0".repeat(16)), format!("{life}-999")] {
        let event = again(other.parse().unwrap()).await.try_next().unwrap().unwrap();
        assert!(matches!(event, ViewEvent::Snapshot(id, _) if id == last), "{other}: {event:?}");
    }
    for text in ["", "-", "1-1", "zzzzzzzzzzzzzzzz-1", "0000000000000000-", "0000000000000000-+1"] {
        assert!(text.parse::<StateId>().is_err(), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_gets_all_rows_again_and_holds_up_nobody() {
    let mut world = World::new(HostConfig::default()).await;
    let all = ask_plain("all_notes");
    let mut slow = world.watch(&all).await;
    let mut quick = world.watch(&all).await;
    slow.next().await;
    quick.next().await;
    // Each change takes away and brings 200 KB.
    let key = "k".repeat(200_000);
    for value in 0..20 {
        world.put_note(&key, value).await;
        quick.until(&world.model.answer(&all)).await;
    }
    assert_eq!(quick.snapshots, 1);
    let bytes = world.database.stats().view_cache_bytes;
    assert!(bytes < 4 << 20, "{bytes} bytes are kept");
    slow.until(&world.model.answer(&all)).await;
    assert_eq!(slow.snapshots, 2);
    assert!(slow.changes < 10, "{}", slow.changes);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_ends_only_what_it_shows_otherwise() {
    let mut world = World::new(HostConfig::default()).await;
    world.apply(&[Step::Put((1, 1, 1))]).await;
    world.put_note("a", 1).await;
    let mut same = world.watch(&ask_plain("all_items")).await;
    let mut gone = world.watch(&ask("item_by_id", 1_u32)).await;
    let mut changed = world.watch(&ask_plain("all_notes")).await;
    for watcher in [&mut same, &mut gone, &mut changed] {
        watcher.next().await;
    }
    let same_views = program(Views::all(), "the same views");
    world.database.publish(same_views, ClientPolicy::Keep).await.unwrap();
    world.apply(&[Step::Put((2, 2, 2))]).await;
    world.put_note("b", 1).await;
    for watcher in [&mut same, &mut changed] {
        watcher.until(&world.model.answer(&watcher.ask)).await;
        assert_eq!(watcher.snapshots, 1);
    }
    let other_views = Views::all().without("item_by_id").with_row("all_notes", 0);
    // The numbers of views go on without a gap.
    let other_views = Views(
        other_views
            .0
            .into_iter()
            .map(|mut view| {
                if view.is_anonymous {
                    view.index -= 1;
                }
                view
            })
            .collect(),
    );
    let mut other = program(other_views, "");
    other.bytes = String::from_utf8(other.bytes.to_vec())
        .unwrap()
        .replace("return anonymousViews[id]", "return anonymousViews[id + 1]")
        .into();
    world.database.publish(other, ClientPolicy::Break).await.unwrap();
    assert!(matches!(gone.watch.next().await, Err(ViewEnd::Gone(name)) if name == "item_by_id"));
    assert!(matches!(changed.watch.next().await, Err(ViewEnd::Changed(name)) if name == "all_notes"));
    world.apply(&[Step::Put((3, 3, 3))]).await;
    same.until(&world.model.answer(&same.ask)).await;
    assert_eq!(same.snapshots, 1);

    world.database.reset(None).await.unwrap();
    same.until(&[]).await;
    assert_eq!(same.snapshots, 1);
    let id = same.id.unwrap();
    let back = world.database.watch_view_from(&caller(0), "all_items", &Args::none(), id).await;
    assert!(back.unwrap().try_next().is_none(), "who watches across programs may be cut off as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_breaks_tells_those_who_watch() {
    let mut world = World::new(HostConfig::default()).await;
    let no_item = ask("no_item", 1_u32);
    let mut watchers = [world.watch(&no_item).await, world.watch(&no_item).await];
    for watcher in &mut watchers {
        watcher.next().await;
    }
    world.apply(&[Step::Put((1, 1, 1))]).await;
    for watcher in &mut watchers {
        for _ in 0..2 {
            let end = watcher.watch.next().await.unwrap_err();
            assert!(matches!(&end, ViewEnd::Failed(_)), "{end}");
            assert!(end.to_string().contains("there is one"), "{end}");
        }
    }
    let args = Args::Bsatn(no_item.args.clone());
    world.database.watch_view(&caller(0), "no_item", &args).await.unwrap_err();
    world.apply(&[Step::Remove(1)]).await;
    world.watch(&no_item).await.next().await;
    // Those who were told stay where they are.
    watchers[0].watch.next().await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_ends_all_watching() {
    let world = World::new(HostConfig::default()).await;
    let mut watcher = world.watch(&ask_plain("all_items")).await;
    watcher.next().await;
    let waiting = tokio::spawn(async move { watcher.watch.next().await });
    tokio::time::sleep(Duration::from_millis(10)).await;
    world.database.close().await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(ViewEnd::Stopped(_))));
    world.database.watch_view(&caller(0), "all_items", &Args::none()).await.unwrap_err();
}

/// Everything at once: whoever watches ends up with what is there, and sees each state once and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_while_much_happens() {
    const WRITES: u32 = 1000;
    let world = World::new(HostConfig::default()).await;
    let mut tasks = Vec::new();
    for number in 0..40_u32 {
        let ask = match number % 3 {
            0 => ask_plain("all_items"),
            1 => ask("item_by_id", 1_u32),
            _ => ask("items_of", 1_u32),
        };
        let mut watcher = world.watch(&ask).await;
        tasks.push(tokio::spawn(async move {
            let mut last = 0;
            while last < WRITES {
                if number % 7 == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                watcher.next().await;
                let rows = watcher.rows.as_ref().unwrap();
                assert!(rows.len() <= 1);
                let value = rows.first().map_or(0, |row| u32::from_le_bytes(row[8..].try_into().unwrap()));
                assert!(value > last || last == 0, "{value} after {last}");
                last = value;
            }
            watcher
        }));
    }
    for value in (1..=WRITES).collect::<Vec<_>>().chunks(20) {
        let writes = value.iter().map(|&value| {
            let database = world.database.clone();
            async move { crate::support::apply(&database, &[Step::Put((1, 1, value))]).await }
        });
        // In order, but without waiting for each.
        let mut writing = Vec::new();
        for write in writes {
            let mut write = Box::pin(write);
            let pending = std::future::poll_fn(|context| {
                std::task::Poll::Ready(write.as_mut().poll(context).is_pending())
            });
            if pending.await {
                writing.push(write);
            }
        }
        for write in writing {
            write.await;
        }
    }
    for task in tasks {
        let watcher = task.await.unwrap();
        assert_eq!(watcher.snapshots, 1, "{:?}", watcher.ask);
    }
}
