//! Definitions of modules compared with the original's: their bytes, what is found wrong with them, and how they
//! are given back.

#[path = "support/definitions.rs"]
mod random;
mod support;

use orrery_host_abi::{
    AlgebraicType, ColId, Element, Function, HttpHeader, HttpRequest, HttpResponse, HttpVersion, ModuleDef,
    ProductType, TimeDuration, TypeRef, Typespace, ViewResultHeader,
    bsatn::{Decode, Encode},
    module_def::*,
};
use proptest::prelude::*;
use serde_json::Value;
use spacetimedb_lib::{RawModuleDef as TheirRaw, db::raw_def as their_raw};
use spacetimedb_sats::bsatn as their_bsatn;
use spacetimedb_schema::def::ModuleDef as TheirDef;
use support::*;

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// Whether all that is wrong is refused by us alone, because it does harm later: columns that cannot be laid
/// out, sequences that cannot run, and reducers called by the host that want arguments.
fn is_stricter(errors: &DefErrors) -> bool {
    errors.0.iter().all(|error| {
        matches!(
            error,
            DefError::BadColumnType { .. }
                | DefError::BadSequenceRange { .. }
                | DefError::LifecycleWithParams { .. }
        )
    })
}

/// The original's verdict; faults that it answers with a panic are faults as well.
fn their_verdict(raw: TheirRaw) -> Result<TheirDef, String> {
    let result = std::panic::catch_unwind(|| {
        let verdict = match raw {
            TheirRaw::V9(def) => TheirDef::try_from(def),
            TheirRaw::V10(def) => TheirDef::try_from(def),
            other => panic!("{other:?}"),
        };
        verdict.map(Box::new).map_err(|errors| format!("{errors:?}"))
    });
    match result {
        Ok(verdict) => verdict.map(|def| *def),
        Err(_) => Err("panic".to_owned()),
    }
}

/// Sorts what the original gives back in the random order of its hash maps.
fn sorted(mut value: Value) -> Value {
    sort(&mut value, "");
    value
}

fn sort(value: &mut Value, key: &str) {
    const UNORDERED: &[&str] = &[
        "tables",
        "types",
        "misc_exports",
        "row_level_security",
        "indexes",
        "constraints",
        "sequences",
        "Tables",
        "Types",
        "Schedules",
        "RowLevelSecurity",
        "entries",
        "LifeCycleReducers",
    ];
    match value {
        Value::Array(elements) => {
            elements.iter_mut().for_each(|element| sort(element, ""));
            // The types of a typespace have no names and are in order.
            if UNORDERED.contains(&key) && elements.iter().all(|it| key != "types" || it.get("ty").is_some())
            {
                elements.sort_by_key(Value::to_string);
            }
        }
        Value::Object(members) => members.iter_mut().for_each(|(key, member)| sort(member, key)),
        _ => {}
    }
}

fn their_json<T: spacetimedb_sats::ser::Serialize>(raw: &T) -> Value {
    serde_json::to_value(spacetimedb_sats::ser::serde::SerializeWrapper::from_ref(raw)).unwrap()
}

fn our_json(def: &ModuleDef, version: u8) -> Value {
    serde_json::from_str(&def.schema_json(version).unwrap()).unwrap()
}

/// Checks one definition in all respects. Whether it is sound.
fn compare(raw: &RawModuleDef) -> Result<bool, TestCaseError> {
    let bytes = raw.to_bsatn();
    let their_raw_def: TheirRaw =
        their_bsatn::from_slice(&bytes).expect("the original reads our definitions");
    prop_assert_eq!(&their_bsatn::to_vec(&their_raw_def).unwrap(), &bytes);
    prop_assert_eq!(RawModuleDef::from_bsatn(&bytes), Ok(raw.clone()));

    let ours = ModuleDef::decode(&bytes);
    let def = match (ours, their_verdict(their_raw_def)) {
        (Ok(ours), Ok(theirs)) => {
            prop_assert_eq!(
                sorted(our_json(&ours, 9)),
                sorted(their_json(&their_raw::v9::RawModuleDefV9::from(theirs.clone())))
            );
            prop_assert_eq!(
                sorted(our_json(&ours, 10)),
                sorted(their_json(&their_raw::v10::RawModuleDefV10::from(theirs)))
            );
            ours
        }
        (Err(ours), theirs) => {
            let is_expected = theirs.is_err() || is_stricter(&ours);
            prop_assert!(is_expected, "only we refuse this: {}", ours);
            return Ok(false);
        }
        (Ok(_), Err(theirs)) => return Err(TestCaseError::fail(format!("only we accept this: {theirs}"))),
    };
    // What is given back in version 9 says the same again. Version 10 cannot say that names are not to be
    // converted again.
    let again = ModuleDef::from_raw(RawModuleDef::V9(def.to_raw_v9()));
    let again = again.map_err(|errors| TestCaseError::fail(errors.to_string()))?;
    prop_assert_eq!(sorted(our_json(&again, 9)), sorted(our_json(&def, 9)));
    Ok(true)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn definitions_v10(def in random::any_v10(2)) {
        compare(&RawModuleDef::V10(def))?;
    }

    #[test]
    fn definitions_v9(def in random::any_v10(0)) {
        compare(&RawModuleDef::V9(random::to_v9(def)))?;
    }

    #[test]
    fn damaged_definitions_are_refused_alike(def in random::any_v10(1), damages in any_damage()) {
        let mut bytes = RawModuleDef::V10(def).to_bsatn();
        damage(&mut bytes, &damages);
        let ours = RawModuleDef::from_bsatn(&bytes);
        // Version 8 is read by the original alone.
        if bytes.first() != Some(&0) {
            let theirs = their_bsatn::from_slice::<TheirRaw>(&bytes);
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
        }
        // Whatever the bytes, nothing panics.
        let _ = ModuleDef::decode(&bytes);
    }
}

/// The comparison above means little unless a good part of the random definitions is sound.
#[test]
fn many_definitions_are_sound() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut sound = 0;
    for _ in 0..200 {
        let def = random::any_v10(1).new_tree(&mut runner).unwrap().current();
        sound += usize::from(ModuleDef::from_raw(RawModuleDef::V10(def)).is_ok());
    }
    assert!((40..160).contains(&sound), "{sound} of 200");
}

fn named(name: &str, ty: AlgebraicType) -> Element {
    Element { name: Some(name.into()), ty }
}

fn reference(target: u32) -> AlgebraicType {
    AlgebraicType::Ref(TypeRef(target))
}

/// A module with one table, and a function of each kind.
fn small_module(submodules: Vec<RawSubmoduleV10>) -> RawModuleDefV10 {
    let row = AlgebraicType::Product(ProductType {
        elements: [named("id", AlgebraicType::U64), named("runAt", AlgebraicType::schedule_at())].into(),
    });
    let unit = AlgebraicType::unit;
    let reducer = |name: &str, params: ProductType| RawReducerDefV10 {
        source_name: name.into(),
        params,
        visibility: RawFunctionVisibility::ClientCallable,
        ok_return_type: unit(),
        err_return_type: AlgebraicType::String,
    };
    let view = |name: &str, is_anonymous, index, return_type| RawViewDefV10 {
        source_name: name.into(),
        index,
        is_public: true,
        is_anonymous,
        params: ProductType::default(),
        return_type,
    };
    let query = AlgebraicType::Product(ProductType { elements: [named("__query__", reference(0))].into() });
    RawModuleDefV10 {
        sections: vec![
            RawSectionV10::Submodules(submodules),
            RawSectionV10::Typespace(Typespace { types: vec![row] }),
            RawSectionV10::Types(vec![RawTypeDefV10 {
                source_name: RawScopedTypeNameV10 { scope: vec![], source_name: "someTimer".into() },
                ty: TypeRef(0),
                custom_ordering: true,
            }]),
            RawSectionV10::Tables(vec![RawTableDefV10 {
                source_name: "SomeTimer".into(),
                product_type_ref: TypeRef(0),
                primary_key: vec![ColId(0)],
                indexes: vec![RawIndexDefV10 {
                    source_name: Some("SomeTimer_id_idx".into()),
                    accessor_name: Some("id".into()),
                    algorithm: RawIndexAlgorithm::BTree(vec![ColId(0)]),
                }],
                constraints: vec![RawConstraintDefV10 {
                    source_name: Some("whatever".into()),
                    data: RawConstraintData::Unique(RawUniqueConstraint { columns: vec![ColId(0)] }),
                }],
                sequences: vec![RawSequenceDefV10 {
                    source_name: None,
                    column: ColId(0),
                    start: None,
                    min_value: None,
                    max_value: None,
                    increment: 1,
                }],
                table_type: RawTableType::User,
                table_access: RawTableAccess::Public,
                default_values: vec![RawColumnDefaultV10 { col_id: ColId(0), value: vec![7; 20].into() }],
                is_event: false,
            }]),
            RawSectionV10::Reducers(vec![
                reducer("doIt", ProductType::default()),
                reducer("tick", ProductType { elements: [named("row", reference(0))].into() }),
            ]),
            RawSectionV10::Procedures(vec![RawProcedureDefV10 {
                source_name: "fetchIt".into(),
                params: ProductType::default(),
                return_type: reference(0),
                visibility: RawFunctionVisibility::ClientCallable,
            }]),
            RawSectionV10::Views(vec![
                view("allTimers", true, 0, AlgebraicType::Array(Box::new(reference(0)))),
                view("myTimers", false, 0, query),
                view("myTimer", false, 1, AlgebraicType::option(reference(0))),
            ]),
            RawSectionV10::ViewPrimaryKeys(vec![RawViewPrimaryKeyDefV10 {
                view_source_name: "myTimer".into(),
                columns: vec!["id".into()],
            }]),
            RawSectionV10::Schedules(vec![RawScheduleDefV10 {
                source_name: Some("ignored".into()),
                table_name: "SomeTimer".into(),
                schedule_at_col: ColId(1),
                function_name: "tick".into(),
            }]),
            RawSectionV10::HttpHandlers(vec![RawHttpHandlerDefV10 { source_name: "handleIt".into() }]),
            RawSectionV10::HttpRoutes(vec![RawHttpRouteDefV10 {
                handler_function: "handleIt".into(),
                method: RawMethodOrAny::Method(RawHttpMethod::Post),
                path: "/it".into(),
            }]),
            RawSectionV10::ExplicitNames(RawExplicitNames {
                entries: vec![RawExplicitNameEntry::Function(RawNameMapping {
                    source_name: "doIt".into(),
                    canonical_name: "Do_It_Now".into(),
                })],
            }),
        ],
    }
}

#[test]
fn names_and_references_are_settled() {
    let def = ModuleDef::from_raw(RawModuleDef::V10(small_module(vec![]))).unwrap();
    let table = def.table("some_timer").unwrap();
    assert_eq!(def.table("SomeTimer"), Some(table));
    assert_eq!(&*table.indexes[0].name, "some_timer_id_idx_btree");
    assert_eq!(table.indexes[0].alias.as_deref(), Some("SomeTimer_id_idx"));
    assert_eq!(&*table.unique_constraints[0].name, "some_timer_id_key");
    assert_eq!(&*table.sequences[0].name, "some_timer_id_seq");
    assert_eq!(
        table.schedule.as_ref().map(|it| (&*it.name, &*it.function)),
        Some(("some_timer_sched", "tick"))
    );
    assert_eq!(
        table.column("run_at").map(|(place, column)| (place, &*column.accessor_name)),
        Some((ColId(1), "runAt"))
    );
    assert_eq!(table.columns[0].default.as_deref(), Some(&[7; 8][..]));
    assert_eq!(&*def.types[0].name, "SomeTimer");
    // What is scheduled is called by nobody else.
    assert_eq!(def.reducer("Do_It_Now").map(|(id, reducer)| (id, reducer.is_private)), Some((0, false)));
    assert_eq!(def.reducer("tick").map(|(id, reducer)| (id, reducer.is_private)), Some((1, true)));
    assert_eq!(def.procedure("fetch_it").map(|(id, _)| id), Some(0));
    // A query has the primary key of its table, and others have what is declared.
    let key = |name| def.view(name).map(|view| (view.primary_key, view.primary_key_declared));
    assert_eq!(key("my_timers"), Some((Some(ColId(0)), false)));
    assert_eq!(key("my_timer"), Some((Some(ColId(0)), true)));
    assert_eq!(key("all_timers"), Some((None, false)));
    assert_eq!(
        def.http_handler("POST", "/it").map(|(id, handler)| (id, &*handler.name)),
        Some((0, "handle_it"))
    );
    assert_eq!(def.http_handler("GET", "/it"), None);
}

#[test]
fn submodules_are_numbered_depth_first() {
    let submodule =
        |namespace: &str, inner| RawSubmoduleV10 { namespace: namespace.into(), module: small_module(inner) };
    let raw = small_module(vec![submodule("a", vec![submodule("inner", vec![])]), submodule("b", vec![])]);
    let def = ModuleDef::from_raw(RawModuleDef::V10(raw)).unwrap();
    let names: Vec<&str> = def.reducers.iter().map(|it| &*it.name).collect();
    assert_eq!(
        names,
        [
            "Do_It_Now",
            "tick",
            "a.Do_It_Now",
            "a.tick",
            "a.inner.Do_It_Now",
            "a.inner.tick",
            "b.Do_It_Now",
            "b.tick"
        ]
    );
    let functions: Vec<Function> = def.views.iter().map(ViewDef::function).collect();
    let of_each = |index: u32| {
        [Function::AnonymousView(index), Function::View(2 * index), Function::View(2 * index + 1)]
    };
    assert_eq!(functions, (0..4).flat_map(of_each).collect::<Vec<_>>());
    let table = def.table("a.inner.some_timer").unwrap();
    assert_eq!(table.row_type, TypeRef(2));
    assert_eq!(&*table.indexes[0].name, "a.inner.some_timer_id_idx_btree");
    assert_eq!(table.schedule.as_ref().map(|it| &*it.function), Some("a.inner.tick"));
    assert_eq!(def.procedure("b.fetch_it").map(|(id, it)| (id, &it.return_type)), Some((3, &reference(3))));
    // A submodule's routes are not served, and what is given back is as it was.
    assert_eq!((def.http_handlers.len(), def.http_routes.len()), (1, 1));
    assert_eq!(our_json(&def, 9)["tables"].as_array().map(Vec::len), Some(1));
    let again = ModuleDef::from_raw(RawModuleDef::V10(def.to_raw_v10())).unwrap();
    assert_eq!(again.reducers, def.reducers);
    assert_eq!(again.submodules.len(), 2);
}

#[test]
fn all_errors_are_reported() {
    let mut raw = small_module(vec![]);
    for section in &mut raw.sections {
        match section {
            RawSectionV10::Tables(tables) => {
                tables[0].primary_key = vec![ColId(1)];
                tables[0].sequences[0].increment = 0;
            }
            RawSectionV10::Reducers(reducers) => reducers[1].params = ProductType::default(),
            _ => {}
        }
    }
    let errors = ModuleDef::from_raw(RawModuleDef::V10(raw)).unwrap_err();
    let expected: [DefError; 4] = [
        DefError::PrimaryKeyNotUnique { table: "some_timer".into(), column: ColId(1) },
        DefError::BadSequenceRange { sequence: "some_timer_id_seq".into() },
        DefError::BadScheduleColumns { table: "some_timer".into() },
        DefError::BadScheduledParams { table: "some_timer".into(), function: "tick".into() },
    ];
    assert_eq!(errors.0, expected);
    assert_eq!(errors.to_string().lines().count(), 4);
}

#[test]
fn hostile_definitions_are_refused_quickly() {
    assert!(ModuleDef::decode(&[]).is_err());
    let too_old = ModuleDef::decode(&[0; 64]).unwrap_err().to_string();
    assert!(too_old.contains("too old"), "{too_old}");
    for tag in [1, 2] {
        let mut bytes = vec![tag];
        bytes.extend([0xff; 64]);
        assert!(ModuleDef::decode(&bytes).is_err());
    }
    // Modules inside modules, and types inside types, without end.
    let mut modules = vec![2];
    for _ in 0..100_000 {
        // One section of submodules, of which there is one, with an empty namespace.
        modules.extend([1, 0, 0, 0, 14, 1, 0, 0, 0, 0, 0, 0, 0]);
    }
    assert!(ModuleDef::decode(&modules).is_err());
    let mut types = vec![2, 1, 0, 0, 0, 0, 1, 0, 0, 0];
    types.extend([3; 100_000]);
    assert!(ModuleDef::decode(&types).is_err());

    // Types of which each holds the one before it twice.
    let mut doubling = small_module(vec![]);
    for section in &mut doubling.sections {
        if let RawSectionV10::Typespace(typespace) = section {
            let mut types = vec![AlgebraicType::U8];
            for target in 1..50 {
                let half = |name: &str| named(name, reference(if target == 1 { 50 } else { target - 1 }));
                types.push(AlgebraicType::Product(ProductType { elements: [half("a"), half("b")].into() }));
            }
            types.push(AlgebraicType::U8);
            types[0] = AlgebraicType::Product(ProductType { elements: [named("id", reference(49))].into() });
            typespace.types = types;
        }
        if let RawSectionV10::Types(types) = section {
            types.extend((1..50).map(|ty| RawTypeDefV10 {
                source_name: RawScopedTypeNameV10 { scope: vec![], source_name: format!("T{ty}").into() },
                ty: TypeRef(ty),
                custom_ordering: true,
            }));
        }
    }
    let errors = ModuleDef::from_raw(RawModuleDef::V10(doubling)).unwrap_err();
    assert!(errors.0.iter().any(|error| matches!(error, DefError::BadColumnType { .. })), "{errors}");
}

#[test]
fn http_messages_are_the_same() {
    let request = HttpRequest {
        method: RawHttpMethod::Extension("BREW".into()),
        headers: vec![HttpHeader { name: "accept".into(), value: vec![0xff].into() }],
        timeout: Some(TimeDuration(1_000_000)),
        uri: "http://example.com/".into(),
        version: HttpVersion::Http2,
    };
    let bytes = request.to_bsatn();
    let theirs: spacetimedb_lib::http::Request = their_bsatn::from_slice(&bytes).unwrap();
    assert_eq!(theirs.uri, "http://example.com/");
    assert_eq!(their_bsatn::to_vec(&theirs).unwrap(), bytes);
    assert_eq!(HttpRequest::from_bsatn(&bytes), Ok(request));

    let response = HttpResponse { headers: vec![], version: HttpVersion::Http11, code: 404 };
    let bytes = response.to_bsatn();
    let theirs: spacetimedb_lib::http::Response = their_bsatn::from_slice(&bytes).unwrap();
    assert_eq!(their_bsatn::to_vec(&theirs).unwrap(), bytes);
    assert_eq!(HttpResponse::from_bsatn(&bytes), Ok(response));

    let header = ViewResultHeader::RawSql("SELECT * FROM t".into());
    assert_eq!(ViewResultHeader::from_bsatn(&header.to_bsatn()), Ok(header));
    assert_eq!(ViewResultHeader::RowData.to_bsatn(), [0]);
}
