//! Every rule by itself: what is done, what is refused and how, and whom it disconnects.

use orrery_host_abi::{
    AlgebraicType, ProductType, Typespace,
    module_def::{ScheduleDef, ViewDef, ViewReturns},
};

use super::{state::State, *};
use crate::schema::{changes::changes, plan::Step};

/// Two rows: (1, "a") and (2, "a").
fn with_rows(module: &ModuleDef) -> Writer {
    let mut writer = store_of(module);
    for id in [1_u64, 2] {
        insert(&mut writer, "t", &[id.to_bsatn(), "a".to_bsatn()]);
    }
    writer.commit().unwrap();
    writer
}

fn changed(change: impl FnOnce(&mut TableDef)) -> ModuleDef {
    let mut changed = table("t");
    change(&mut changed);
    module(vec![changed])
}

/// The change is made, to a table with rows, in these steps; they come to the same as making the new tables at once.
#[track_caller]
fn check_done(old: &ModuleDef, new: &ModuleDef, steps: &[Step], breaks_clients: bool) {
    let mut writer = with_rows(old);
    let before = State::of(&writer);
    let plan = full_plan(&writer, old, new).unwrap();
    assert_eq!((&*plan.steps, plan.breaks_clients), (steps, breaks_clients));
    assert_eq!(changes(old, new, &plan).len(), steps.len());
    apply(&mut writer, Some(old), new, &plan).unwrap();
    writer.rollback();
    assert_eq!(State::of(&writer), before);
    apply(&mut writer, Some(old), new, &plan).unwrap();
    writer.commit().unwrap();
    assert_eq!(State::of(&writer).schema(), State::of(&store_of(new)).schema());
}

/// A change of the table is refused for that reason, and made if the table has no rows.
#[track_caller]
fn check_refused(change: impl FnOnce(&mut TableDef), reason: &str) {
    let old = changed(|_| {});
    let new = changed(change);
    let writer = with_rows(&old);
    let reasons = full_plan(&writer, &old, &new).unwrap_err();
    assert!(reasons.iter().any(|found| found.contains(reason)), "{reasons:#?} should name: {reason}");
    let all_have_remedies = |found: &String| found.contains("; ") && found.contains("table `t`: ");
    assert!(reasons.iter().all(all_have_remedies), "{reasons:#?}");

    let mut writer = store_of(&old);
    let plan = full_plan(&writer, &old, &new).unwrap();
    apply(&mut writer, Some(&old), &new, &plan).unwrap();
    writer.commit().unwrap();
    assert_eq!(State::of(&writer), State::of(&store_of(&new)));
}

#[track_caller]
fn check_table_done(change: impl FnOnce(&mut TableDef), steps: &[Step], breaks_clients: bool) {
    check_done(&changed(|_| {}), &changed(change), steps, breaks_clients);
}

#[test]
fn the_same_schema_needs_nothing() {
    check_table_done(|_| {}, &[], false);
}

#[test]
fn tables_come_in_any_place() {
    let old = module(vec![table("t")]);
    let new = module(vec![table("a"), table("t"), table("z")]);
    check_done(&old, &new, &[Step::AddTable(0), Step::AddTable(2)], false);
}

#[test]
fn tables_go_without_rows_only() {
    let (old, new) = (module(vec![table("u"), table("t")]), module(vec![table("t")]));
    check_done(&old, &new, &[Step::RemoveTable(0)], true);
    let new = module(vec![table("u")]);
    let reasons = full_plan(&with_rows(&old), &old, &new).unwrap_err();
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].contains("table `t` is gone, and has 2 rows"), "{reasons:?}");
}

#[test]
fn columns_are_added_at_the_end() {
    let age = || column_with("age", AlgebraicType::U8, &7_u8);
    let old = changed(|_| {});
    let new = changed(|t| {
        t.columns.push(age());
        t.columns.push(column_with("nick", AlgebraicType::String, "none"));
    });
    check_done(&old, &new, &[Step::AddColumns(0)], true);
    let mut writer = with_rows(&old);
    let plan = full_plan(&writer, &old, &new).unwrap();
    apply(&mut writer, Some(&old), &new, &plan).unwrap();
    let row = |id: u64| [id.to_bsatn(), "a".to_bsatn(), vec![7], "none".to_bsatn()].concat();
    assert_eq!(State::of(&writer).tables["t"].rows, [row(1), row(2)].into());

    check_refused(
        |t| t.columns.push(column("age", AlgebraicType::U8)),
        "column `age: U8` is new and has no default",
    );
    check_refused(
        |t| t.columns.insert(1, age()),
        "column `name` is in another place; keep the order `id`, `name`",
    );
    check_refused(|t| t.columns.truncate(1), "column `name` is gone; keep it");
    check_refused(|t| t.columns[1].name = "label".into(), "`name` is gone, and `label` is new in its place");
    check_refused(|t| t.columns.swap(0, 1), "column `id` is in another place");
}

#[test]
fn new_columns_can_have_indexes_of_their_own() {
    let age = || column_with("age", AlgebraicType::U64, &0_u64);
    check_table_done(
        |t| {
            t.columns.push(age());
            t.indexes.push(index("by_age", &[2]));
            t.sequences.push(sequence("s", 2));
        },
        &[
            Step::AddColumns(0),
            Step::AddIndex { table: 0, index: 1 },
            Step::AddSequence { table: 0, sequence: 0 },
        ],
        true,
    );
    check_refused(
        |t| {
            t.columns.push(age());
            t.indexes.push(index("by_age", &[2]));
            t.unique_constraints.push(unique("age_key", &[2]));
        },
        r#"column `age` is to be unique, and 2 rows have {"age":0}"#,
    );
    check_refused(
        |t| {
            t.columns.push(column_with("age", AlgebraicType::U64, &9_u64));
            t.sequences.push(sequence("s", 2));
        },
        "column `age` is to be counted up, and a row has 9 there",
    );
}

#[test]
fn types_may_grow() {
    let kind = |variants: &[(&str, AlgebraicType)]| {
        let ty = sum(variants);
        changed(|t| {
            t.columns.push(column("kind", ty));
            t.indexes.push(index("by_kind", &[2]));
        })
    };
    let small = [("a", AlgebraicType::U64), ("b", AlgebraicType::unit())];
    let grown = [small.as_slice(), &[("c", AlgebraicType::U64)]].concat();
    let larger = [small.as_slice(), &[("c", AlgebraicType::U128)]].concat();
    let old = kind(&small);
    for (new, breaks_clients) in [(kind(&grown), false), (kind(&larger), true)] {
        let mut writer = store_of(&old);
        insert(&mut writer, "t", &[1_u64.to_bsatn(), "a".to_bsatn(), vec![1]]);
        writer.commit().unwrap();
        let plan = full_plan(&writer, &old, &new).unwrap();
        assert_eq!(
            (&*plan.steps, plan.breaks_clients),
            ([Step::ChangeColumns(0)].as_slice(), breaks_clients)
        );
        apply(&mut writer, Some(&old), &new, &plan).unwrap();
        insert(&mut writer, "t", &[2_u64.to_bsatn(), "a".to_bsatn(), vec![2], vec![0; 16]]);
        writer.commit().unwrap();
        assert_eq!(State::of(&writer).schema(), State::of(&store_of(&new)).schema());
        let refused = full_plan(&writer, &new, &old).unwrap_err();
        assert!(
            refused[0].contains("the type of column `kind` has changed: variant `c` is gone"),
            "{refused:?}"
        );
    }
    check_refused(|t| t.columns[1].ty = AlgebraicType::U8, "column `name` has changed: String has become U8");
}

#[test]
fn indexes_and_constraints_come_and_go() {
    check_table_done(
        |t| t.indexes.insert(0, index("by_name", &[1])),
        &[Step::AddIndex { table: 0, index: 0 }],
        false,
    );
    check_table_done(
        |t| t.indexes[0] = index("t_by_id", &[0, 1]),
        &[Step::RemoveIndex { table: 0, index: 0 }, Step::AddIndex { table: 0, index: 0 }],
        false,
    );
    check_table_done(
        |t| {
            t.indexes.clear();
            t.unique_constraints.clear();
            t.primary_key = None;
        },
        &[
            Step::RemoveIndex { table: 0, index: 0 },
            Step::RemoveConstraint { table: 0, constraint: 0 },
            Step::ChangePrimaryKey(0),
        ],
        false,
    );
    // The index stays, and is not unique any more.
    check_table_done(
        |t| t.unique_constraints.clear(),
        &[Step::RemoveConstraint { table: 0, constraint: 0 }],
        false,
    );
    // The same in another order of columns: still unique.
    let both = |columns: &[u16]| {
        changed(|t| {
            t.indexes.push(index("both", columns));
            t.unique_constraints.push(unique("both_key", columns));
        })
    };
    check_done(
        &both(&[0, 1]),
        &both(&[1, 0]),
        &[
            Step::RemoveIndex { table: 0, index: 1 },
            Step::RemoveConstraint { table: 0, constraint: 1 },
            Step::AddIndex { table: 0, index: 1 },
            Step::AddConstraint { table: 0, constraint: 1 },
        ],
        false,
    );
    let mut old = changed(|t| t.indexes.push(index("by_name", &[1])));
    old.tables[0].unique_constraints.push(unique("name_key", &[1, 0]));
    old.tables[0].indexes.push(index("name_id", &[1, 0]));
    let new = changed(|t| t.indexes.push(index("by_name", &[1])));
    check_done(
        &old,
        &new,
        &[Step::RemoveIndex { table: 0, index: 2 }, Step::RemoveConstraint { table: 0, constraint: 1 }],
        false,
    );
    check_refused(
        |t| {
            t.indexes.push(index("by_name", &[1]));
            t.unique_constraints.push(unique("name_key", &[1]));
        },
        r#"column `name` is to be unique, and 2 rows have {"name":"a"}; change or delete these rows first"#,
    );
}

#[test]
fn duplicates_that_the_plan_did_not_see_are_told_the_same_way() {
    let old = changed(|t| t.indexes.push(index("by_name", &[1])));
    let mut new = old.clone();
    new.tables[0].unique_constraints.push(unique("name_key", &[1]));
    let mut writer = with_rows(&old);
    let before = State::of(&writer);
    let plan = plan(Some(&old), &new, &Stored::now(&writer)).unwrap();
    let seen = check_unique(&new, &plan, &Stored::now(&writer)).join("");
    let failed = apply(&mut writer, Some(&old), &new, &plan).unwrap_err();
    assert_eq!(failed.to_string(), seen);
    writer.rollback();
    assert_eq!(State::of(&writer), before);
}

#[test]
fn sequences_come_and_go() {
    check_refused(
        |t| t.sequences.push(sequence("s", 0)),
        "column `id` is to be counted up, and a row has 1 there",
    );
    let counted = |sequence: SequenceDef| changed(|t| t.sequences.push(sequence));
    let high = SequenceDef { start: Some(10), min_value: Some(10), ..sequence("s", 0) };
    let add = Step::AddSequence { table: 0, sequence: 0 };
    let remove = Step::RemoveSequence { table: 0, sequence: 0 };
    check_done(&changed(|_| {}), &counted(high.clone()), &[add], false);
    check_done(&counted(high.clone()), &changed(|_| {}), &[remove], false);
    let other = SequenceDef { increment: 2, ..high.clone() };
    check_done(&counted(high), &counted(other), &[remove, add], false);
}

#[test]
fn how_far_a_sequence_is_used_up_is_shown() {
    use crate::schema::{note_allocated, system::table::SEQUENCE};

    let module = changed(|t| t.sequences.push(sequence("s", 0)));
    let mut writer = store_of(&module);
    let allocated = |writer: &Writer| {
        let table = writer.table(SEQUENCE).unwrap();
        let row = table.rows().find(|row| table.layout().column(row, 1) == "s".to_bsatn()).unwrap();
        i128::from_le_bytes(table.layout().column(row, 8).try_into().unwrap())
    };
    assert_eq!(allocated(&writer), 1);
    for (rows, expected) in [(1, 4097), (4095, 4097), (1, 8193)] {
        for _ in 0..rows {
            insert(&mut writer, "t", &[0_u64.to_bsatn(), "a".to_bsatn()]);
            // Values that nobody has got are no reason to write anything.
            writer.rollback();
            note_allocated(&mut writer).unwrap();
            assert!(!writer.has_changes());
        }
        insert(&mut writer, "t", &[5_u64.to_bsatn(), "a".to_bsatn()]);
        note_allocated(&mut writer).unwrap();
        writer.commit().unwrap();
        assert_eq!(allocated(&writer), expected);
        let id = writer.tables().find(|table| &*table.spec().name == "t").unwrap().id();
        writer.clear(id).unwrap();
        writer.commit().unwrap();
    }
}

#[test]
fn a_table_made_anew_goes_on_counting() {
    let old = changed(|t| t.sequences.push(sequence("s", 0)));
    let mut new = old.clone();
    new.tables[0].columns[1].ty = AlgebraicType::I32;
    let mut writer = store_of(&old);
    insert(&mut writer, "t", &[0_u64.to_bsatn(), "a".to_bsatn()]);
    let id = writer.tables().find(|table| &*table.spec().name == "t").unwrap().id();
    writer.clear(id).unwrap();
    writer.commit().unwrap();
    let plan = full_plan(&writer, &old, &new).unwrap();
    assert_eq!((&*plan.steps, plan.breaks_clients), ([Step::ReplaceTable(0)].as_slice(), true));
    apply(&mut writer, Some(&old), &new, &plan).unwrap();
    insert(&mut writer, "t", &[0_u64.to_bsatn(), 5_i32.to_bsatn()]);
    writer.commit().unwrap();
    let row = [2_u64.to_bsatn(), 5_i32.to_bsatn()].concat();
    assert_eq!(State::of(&writer).tables["t"].rows, [row].into());
}

#[test]
fn event_tables_change_in_any_way() {
    let old = changed(|t| t.is_event = true);
    let new = changed(|t| {
        t.is_event = true;
        t.columns.swap(0, 1);
        t.columns[0].ty = AlgebraicType::Bool;
        t.indexes[0] = index("t_by_id", &[1]);
        t.unique_constraints[0] = unique("t_id_key", &[1]);
        t.primary_key = None;
    });
    for new in [new, changed(|_| {})] {
        let mut writer = with_rows(&old);
        let plan = full_plan(&writer, &old, &new).unwrap();
        assert_eq!((&*plan.steps, plan.breaks_clients), ([Step::ReplaceTable(0)].as_slice(), true));
        apply(&mut writer, Some(&old), &new, &plan).unwrap();
        writer.commit().unwrap();
        assert_eq!(State::of(&writer), State::of(&store_of(&new)));
    }
    check_refused(|t| t.is_event = true, "it was a table and is an event table");
}

#[test]
fn access_keys_and_names_in_the_code_change() {
    check_table_done(|t| t.is_public = false, &[Step::ChangeAccess(0)], false);
    check_table_done(|t| t.primary_key = None, &[Step::ChangePrimaryKey(0)], false);
    let two = |names: [&str; 2], columns: [&str; 2], aliases: [&str; 2]| {
        let mut module = module(vec![table("t"), table("u")]);
        for (table, (name, alias)) in module.tables.iter_mut().zip(names.into_iter().zip(aliases)) {
            table.accessor_name = name.into();
            table.indexes[0].alias = Some(alias.into());
        }
        for (column, name) in module.tables[0].columns.iter_mut().zip(columns) {
            column.accessor_name = name.into();
        }
        module
    };
    // All names are unique, also while they are exchanged.
    check_done(
        &two(["A", "B"], ["x", "y"], ["i", "j"]),
        &two(["B", "A"], ["y", "x"], ["j", "i"]),
        &[
            Step::ChangeIndexAlias { table: 0, index: 0 },
            Step::ChangeIndexAlias { table: 1, index: 0 },
            Step::ChangeTableAccessor(0),
            Step::ChangeTableAccessor(1),
            Step::ChangeColumnAccessor { table: 0, column: 0 },
            Step::ChangeColumnAccessor { table: 0, column: 1 },
        ],
        false,
    );
}

#[test]
fn schedules_come_and_go() {
    let schedule = |function: &str| {
        Some(ScheduleDef { name: "t_sched".into(), at_column: ColId(1), function: function.into() })
    };
    let scheduled = |function: &str| changed(|t| t.schedule = schedule(function));
    let (add, remove) = (Step::AddSchedule(0), Step::RemoveSchedule(0));
    check_done(&changed(|_| {}), &scheduled("f"), &[add], false);
    check_done(&scheduled("f"), &changed(|_| {}), &[remove], false);
    check_done(&scheduled("f"), &scheduled("g"), &[remove, add], false);
}

#[test]
fn views_and_rules_change_in_any_way() {
    let view = |name: &str, ty: AlgebraicType| ViewDef {
        name: name.into(),
        accessor_name: name.into(),
        index: 0,
        is_anonymous: true,
        is_public: true,
        params: ProductType::default(),
        return_type: AlgebraicType::unit(),
        returns: ViewReturns::Rows,
        row_type: TypeRef(0),
        columns: vec![column("x", ty)],
        primary_key: None,
        primary_key_declared: false,
    };
    let with = |views: Vec<ViewDef>, rules: &[&str]| ModuleDef {
        views,
        row_level_security: rules.iter().map(|rule| (*rule).into()).collect(),
        ..changed(|_| {})
    };
    let plain = || view("v", AlgebraicType::U8);
    let (add, remove) = (Step::AddView(0), Step::RemoveView(0));
    check_done(&with(vec![], &[]), &with(vec![plain()], &[]), &[add], false);
    check_done(&with(vec![plain()], &[]), &with(vec![plain()], &[]), &[], false);
    check_done(&with(vec![plain()], &[]), &with(vec![], &[]), &[remove], true);
    let other = vec![view("v", AlgebraicType::U16)];
    check_done(&with(vec![plain()], &[]), &with(other, &[]), &[remove, add], true);
    let per_caller = vec![ViewDef { is_anonymous: false, ..plain() }];
    check_done(&with(vec![plain()], &[]), &with(per_caller, &[]), &[remove, add], true);
    let keyed = vec![ViewDef { primary_key: Some(ColId(0)), ..plain() }];
    check_done(&with(vec![plain()], &[]), &with(keyed, &[]), &[remove, add], true);
    let private = vec![ViewDef { is_public: false, ..plain() }];
    check_done(&with(vec![plain()], &[]), &with(private, &[]), &[Step::ChangeViewAccess(0)], false);

    let [a, b, c] = ["SELECT * FROM t", "SELECT t.* FROM t", "SELECT * FROM t WHERE true"];
    check_done(&with(vec![], &[a, b]), &with(vec![], &[b, a]), &[], false);
    check_done(
        &with(vec![], &[a, b]),
        &with(vec![], &[b, c]),
        &[Step::RemoveRule(0), Step::AddRule(1)],
        true,
    );
}

#[test]
fn a_view_is_the_same_if_its_parameters_come_to_the_same() {
    // The typespace got another order.
    let with = |typespace: Typespace, place: u32| {
        let params = ProductType {
            elements: [orrery_host_abi::Element {
                name: Some("p".into()),
                ty: AlgebraicType::Ref(TypeRef(place)),
            }]
            .into(),
        };
        ModuleDef {
            typespace,
            views: vec![ViewDef {
                name: "v".into(),
                accessor_name: "v".into(),
                index: 0,
                is_anonymous: true,
                is_public: true,
                params,
                return_type: AlgebraicType::unit(),
                returns: ViewReturns::Rows,
                row_type: TypeRef(0),
                columns: Vec::new(),
                primary_key: None,
                primary_key_declared: false,
            }],
            ..changed(|_| {})
        }
    };
    let types = |types: &[AlgebraicType]| Typespace { types: types.to_vec() };
    let old = with(types(&[AlgebraicType::U8, AlgebraicType::String]), 0);
    check_done(&old, &with(types(&[AlgebraicType::String, AlgebraicType::U8]), 1), &[], false);
    let other = with(types(&[AlgebraicType::U8, AlgebraicType::String]), 1);
    check_done(&old, &other, &[Step::RemoveView(0), Step::AddView(0)], true);
}
