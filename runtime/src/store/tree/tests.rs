//! Trees against sets, with clones that must not notice.

use std::collections::BTreeSet;

use super::*;
use crate::store::tree_key::BytesKey;

fn check<K: Key + Ord + std::fmt::Debug>(tree: &Tree<K>, model: &BTreeSet<(K, RowPtr)>) {
    let entries: Vec<(K, RowPtr)> = tree.iter().map(|(key, ptr)| (key.clone(), ptr)).collect();
    assert_eq!(entries, model.iter().cloned().collect::<Vec<_>>());
}

/// Random inserts and removals, with clones that must not notice.
fn agrees_with_a_set<K: Key + Ord + std::fmt::Debug>(key: impl Fn(u64) -> K) {
    let mut state = 1_u64;
    let mut random = move |end: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % end
    };
    let mut tree = Tree::default();
    let mut model = BTreeSet::new();
    let mut clones = Vec::new();
    // Growing, shrinking, and around the same size.
    for (steps, inserts) in [(9000, 8), (9000, 2), (3000, 5), (9000, 0)] {
        for step in 0..steps {
            if random(10) < inserts {
                let entry = (key(random(3000)), RowPtr(random(4) as u32));
                if model.insert(entry.clone()) {
                    tree.insert(entry.0, entry.1);
                }
            } else if let Some(entry) =
                model.range((key(random(3000)), RowPtr::FIRST)..).next().or(model.first()).cloned()
            {
                model.remove(&entry);
                assert!(tree.remove(entry.0.as_key(), entry.1));
            }
            if step % 1500 == 7 {
                clones.push((tree.clone(), model.clone()));
                check(&tree, &model);
                let (from, to) = (key(random(3000)), key(random(3000)));
                let expected = model.iter().filter(|(key, _)| *key > from && *key <= to).count();
                let found = tree.range(Edge::Excluded(from.as_key()), Edge::Included(to));
                assert_eq!(found.count(), expected);
            }
        }
    }
    assert!(model.is_empty() && tree.root.is_none());
    for (tree, model) in &clones {
        check(tree, model);
        check(&Tree::from_sorted(model.iter().cloned().collect::<Vec<_>>().into_iter()), model);
    }
}

#[test]
fn trees_of_every_key_agree_with_a_set() {
    agrees_with_a_set(|n| n);
    agrees_with_a_set(|n| u128::from(n) << 100);
    agrees_with_a_set(|n| [n / 100, 7, n % 100, 1]);
    agrees_with_a_set(|n| BytesKey::from_key(&b"abcdefghijklmnopqrstuvwxyz"[..(n % 27) as usize].repeat(2)));
    agrees_with_a_set(|n| BytesKey::from_key(format!("{n}").as_bytes()));
}

#[test]
fn keys_in_order_fill_their_leaves() {
    let mut tree = Tree::default();
    for key in 0..10_000_u64 {
        tree.insert(key, RowPtr(key as u32));
    }
    fn leaves(node: &Node<u64>) -> usize {
        match node {
            Node::Leaf(_) => 1,
            Node::Inner(inner) => inner.children.iter().flatten().map(|child| leaves(child)).sum(),
        }
    }
    assert_eq!(tree.root.as_deref().map(leaves), Some(10_000_usize.div_ceil(LEAF_LEN)));
    assert!((0..10_000).all(|key| tree.find(&key) == Some(RowPtr(key as u32))));
    assert_eq!(tree.find(&10_000), None);
}
