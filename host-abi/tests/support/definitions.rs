//! Random definitions of modules: mostly sound, with faults of all kinds here and there.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses its part")]

use orrery_host_abi::{
    AlgebraicType, ColId, Element, ProductType, SpecialProduct, SumType, TypeRef, Typespace, Variant,
    module_def::*,
};
use proptest::{collection::vec, option, prelude::*};

/// How many types there are; references beyond lead nowhere.
const TYPES: u32 = 6;

/// One of the words that names are made of, or rarely something that is no name.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        400 => prop::sample::select(vec![
            "player", "Player", "playerRow", "HTTPRequest", "player1", "_hidden", "XMLHttp2Req", "größe", "ID", "a",
        ])
        .prop_map(str::to_owned),
        1 => prop::sample::select(vec!["", "1x", "st_x", "a b", "___", "e\u{301}", "a.b"]).prop_map(str::to_owned),
    ]
}

/// A name that is mostly the only one of its kind.
fn name(kind: &'static str) -> impl Strategy<Value = Box<str>> {
    (word(), 0..1000_u32, 0..300).prop_map(move |(word, number, plain)| {
        if plain == 0 { word.into() } else { format!("{word}{kind}{number}").into() }
    })
}

fn scalar() -> impl Strategy<Value = AlgebraicType> {
    use AlgebraicType::*;
    prop::sample::select(vec![U8, U16, U32, U64, I8, I32, I64, U128, I256, F64, Bool, String])
}

/// A type as columns and parameters have them.
fn type_use() -> BoxedStrategy<AlgebraicType> {
    let leaf = prop_oneof![
        12 => scalar(),
        4 => (0..TYPES).prop_map(|target| AlgebraicType::Ref(TypeRef(target))),
        2 => Just(SpecialProduct::Identity.ty()),
        2 => Just(SpecialProduct::Timestamp.ty()),
        1 => Just(AlgebraicType::schedule_at()),
        1 => Just(AlgebraicType::unit()),
    ];
    let faulty = prop_oneof![
        Just(AlgebraicType::Ref(TypeRef(TYPES + 1))),
        Just(AlgebraicType::Sum(SumType { variants: Box::default() })),
        scalar().prop_map(|ty| AlgebraicType::Product(ProductType {
            elements: [Element { name: Some("inner".into()), ty }].into()
        })),
    ];
    let inner = leaf.prop_recursive(2, 4, 1, |inner| {
        prop_oneof![
            inner.clone().prop_map(|ty| AlgebraicType::Array(Box::new(ty))),
            inner.prop_map(AlgebraicType::option),
        ]
    });
    prop_oneof![400 => inner, 1 => faulty].boxed()
}

fn member_name(place: usize, salt: u16) -> Option<Box<str>> {
    match salt {
        0..=1200 => Some(format!("field{place}").into()),
        1201..=1800 => Some(format!("someField_{place}").into()),
        1801..=2990 => Some(format!("z{}", 9 - place).into()),
        2991..=2993 => None,
        2994..=2996 => Some("1 bad".into()),
        _ => Some("same".into()),
    }
}

fn product(len: std::ops::Range<usize>) -> impl Strategy<Value = ProductType> {
    vec((type_use(), 0..3000_u16), len).prop_map(|members| ProductType {
        elements: members
            .into_iter()
            .enumerate()
            .map(|(place, (ty, salt))| Element { name: member_name(place, salt), ty })
            .collect(),
    })
}

/// The type of rows: an unsigned number first, often a time, and anything else.
fn row() -> impl Strategy<Value = AlgebraicType> {
    (product(1..5), any::<bool>()).prop_map(|(product, has_time)| {
        let mut elements = vec![Element { name: Some("Id".into()), ty: AlgebraicType::U64 }];
        if has_time {
            elements.push(Element { name: Some("ScheduledAt".into()), ty: AlgebraicType::schedule_at() });
        }
        elements.extend(product.elements);
        AlgebraicType::Product(ProductType { elements: elements.into() })
    })
}

fn sum() -> impl Strategy<Value = AlgebraicType> {
    let payload = prop_oneof![3 => Just(AlgebraicType::unit()), 1 => type_use()];
    vec((payload, 0..3000_u16), 1..5).prop_map(|members| {
        let variants = members
            .into_iter()
            .enumerate()
            .map(|(place, (ty, salt))| Variant { name: member_name(place, salt), ty });
        AlgebraicType::Sum(SumType { variants: variants.collect() })
    })
}

fn typespace() -> impl Strategy<Value = Typespace> {
    let rows = vec(row(), 3);
    let sums = vec(sum(), 2);
    (rows, sums, prop_oneof![5 => row().boxed(), 5 => sum().boxed(), 1 => type_use()]).prop_map(
        |(rows, sums, last)| Typespace { types: rows.into_iter().chain(sums).chain([last]).collect() },
    )
}

fn types() -> impl Strategy<Value = Vec<RawTypeDefV10>> {
    let mut types = Vec::new();
    for ty in 0..TYPES {
        let def =
            (vec(name("Scope"), 0..2), name("Type"), 0..120).prop_map(move |(scope, source_name, faulty)| {
                let ty = TypeRef(if faulty == 0 { ty + 1 } else { ty });
                let source_name = RawScopedTypeNameV10 { scope, source_name };
                RawTypeDefV10 { source_name, ty, custom_ordering: faulty < 118 }
            });
        types.push(prop_oneof![150 => def.prop_map(Some), 1 => Just(None)]);
    }
    types.prop_map(|types| types.into_iter().flatten().collect())
}

fn column() -> impl Strategy<Value = ColId> {
    prop_oneof![150 => 0..2_u16, 1 => 0..9_u16].prop_map(ColId)
}

fn algorithm() -> impl Strategy<Value = RawIndexAlgorithm> {
    prop_oneof![
        4 => vec(column(), 1..2).prop_map(RawIndexAlgorithm::BTree),
        1 => Just(RawIndexAlgorithm::BTree(vec![ColId(1), ColId(0)])),
        2 => vec(column(), 1..2).prop_map(RawIndexAlgorithm::Hash),
        1 => algorithm_of_anything(),
        1 => Just(RawIndexAlgorithm::Direct(ColId(0))),
    ]
}

fn algorithm_of_anything() -> impl Strategy<Value = RawIndexAlgorithm> {
    prop_oneof![
        vec(column(), 1..4).prop_map(RawIndexAlgorithm::BTree),
        vec(column(), 1..3).prop_map(RawIndexAlgorithm::Hash),
        column().prop_map(RawIndexAlgorithm::Direct),
    ]
}

fn index() -> impl Strategy<Value = RawIndexDefV10> {
    let source_name = prop_oneof![150 => name("Idx").prop_map(Some), 1 => Just(None)];
    (source_name, option::of(name("acc")), algorithm()).prop_map(|(source_name, accessor_name, algorithm)| {
        RawIndexDefV10 { source_name, accessor_name, algorithm }
    })
}

fn sequence() -> impl Strategy<Value = RawSequenceDefV10> {
    let bound = || prop_oneof![8 => Just(None), 1 => (-2..20_i128).prop_map(Some)];
    (
        option::of(name("seq")),
        column(),
        bound(),
        bound(),
        bound(),
        prop_oneof![20 => Just(1), 1 => -3..30_i128],
    )
        .prop_map(|(source_name, column, start, min_value, max_value, increment)| RawSequenceDefV10 {
            source_name,
            column,
            start,
            min_value,
            max_value,
            increment,
        })
}

fn table() -> impl Strategy<Value = RawTableDefV10> {
    let row = prop_oneof![30 => 0..3_u32, 1 => 0..TYPES + 2];
    let parts = (option::of(index()), prop_oneof![3 => Just(None), 1 => sequence().prop_map(Some)]);
    let unique = prop_oneof![4 => Just(true), 3 => Just(false)];
    let flags = (unique, any::<[bool; 3]>(), 0..40);
    let default = prop_oneof![
        4 => Just(None),
        1 => (column(), vec(0..3_u8, 0..12)).prop_map(|(col_id, value)| Some(RawColumnDefaultV10 {
            col_id,
            value: value.into()
        })),
    ];
    (name("Table"), row, parts, name("Pk"), flags, default).prop_map(
        |(source_name, row, (index, sequence), key, (unique, [is_event, public, hash], faulty), default)| {
            let mut table = RawTableDefV10 {
                source_name,
                product_type_ref: TypeRef(row),
                primary_key: vec![],
                indexes: index.into_iter().collect(),
                constraints: vec![],
                sequences: sequence.into_iter().collect(),
                table_type: RawTableType::User,
                table_access: if public { RawTableAccess::Public } else { RawTableAccess::Private },
                default_values: default.into_iter().collect(),
                is_event,
            };
            if unique {
                // The parts of a primary key, of which sometimes one is missing.
                let columns = vec![ColId(0)];
                if faulty != 1 {
                    let algorithm = match hash {
                        true => RawIndexAlgorithm::Hash(columns.clone()),
                        false => RawIndexAlgorithm::BTree(columns.clone()),
                    };
                    table.indexes.push(RawIndexDefV10 {
                        source_name: Some(format!("{key}_pk").into()),
                        accessor_name: Some("id".into()),
                        algorithm,
                    });
                }
                if faulty != 2 {
                    let data = RawConstraintData::Unique(RawUniqueConstraint { columns });
                    table.constraints.push(RawConstraintDefV10 { source_name: Some(key), data });
                }
                table.primary_key.push(ColId(if faulty == 3 { 1 } else { 0 }));
                if faulty == 4 {
                    table.primary_key.push(ColId(1));
                }
            }
            table
        },
    )
}

fn visibility() -> impl Strategy<Value = RawFunctionVisibility> {
    prop_oneof![Just(RawFunctionVisibility::Private), Just(RawFunctionVisibility::ClientCallable)]
}

fn reducer() -> impl Strategy<Value = RawReducerDefV10> {
    (name("Red"), product(0..3), visibility(), 0..60).prop_map(|(source_name, params, visibility, faulty)| {
        RawReducerDefV10 {
            source_name,
            params,
            visibility,
            ok_return_type: if faulty == 0 { AlgebraicType::U8 } else { AlgebraicType::unit() },
            err_return_type: AlgebraicType::String,
        }
    })
}

fn procedure() -> impl Strategy<Value = RawProcedureDefV10> {
    (name("Proc"), product(0..3), type_use(), visibility()).prop_map(
        |(source_name, params, return_type, visibility)| RawProcedureDefV10 {
            source_name,
            params,
            return_type,
            visibility,
        },
    )
}

fn view() -> impl Strategy<Value = RawViewDefV10> {
    let return_type = (0..4_u32, 0..24).prop_map(|(row, form)| {
        let row = AlgebraicType::Ref(TypeRef(row));
        match form {
            0..=7 => AlgebraicType::Array(Box::new(row)),
            8..=14 => AlgebraicType::option(row),
            15..=22 => AlgebraicType::Product(ProductType {
                elements: [Element { name: Some("__query__".into()), ty: row }].into(),
            }),
            _ => row,
        }
    });
    (name("View"), 0..4_u32, any::<[bool; 2]>(), return_type).prop_map(
        |(source_name, index, [is_public, is_anonymous], return_type)| RawViewDefV10 {
            source_name,
            index,
            is_public,
            is_anonymous,
            params: ProductType::default(),
            return_type,
        },
    )
}

fn route() -> impl Strategy<Value = (RawMethodOrAny, Box<str>)> {
    let method = prop_oneof![
        Just(RawMethodOrAny::Any),
        Just(RawMethodOrAny::Method(RawHttpMethod::Get)),
        Just(RawMethodOrAny::Method(RawHttpMethod::Extension("BREW".into()))),
    ];
    let path = prop_oneof![
        30 => (0..30).prop_map(|number| format!("/path{number}/x~_-")),
        1 => prop::sample::select(vec!["", "/", "no", "/Upper", "/a b", "/%20"]).prop_map(str::to_owned),
    ];
    (method, path.prop_map(Into::into))
}

/// Any definition in version 10.
pub fn any_v10(depth: u32) -> BoxedStrategy<RawModuleDefV10> {
    let submodules = match depth {
        0 => Just(vec![]).boxed(),
        _ => {
            let submodule = (name("ns"), any_v10(depth - 1))
                .prop_map(|(namespace, module)| RawSubmoduleV10 { namespace, module });
            prop_oneof![3 => Just(vec![]), 1 => vec(submodule, 1..3)].boxed()
        }
    };
    let stored = (typespace(), types(), vec(table(), 0..4));
    let functions = (vec(reducer(), 0..3), vec(procedure(), 0..2), vec(view(), 0..3));
    let handlers = (vec(name("Handler"), 0..3), vec(route(), 0..3));
    let policy = option::of(prop_oneof![
        Just(RawCaseConversionPolicy::None),
        Just(RawCaseConversionPolicy::SnakeCase)
    ]);
    let extra = (policy, any::<[u8; 12]>(), vec(name("Explicit"), 4), option::of("SELECT .*"), submodules);
    (stored, functions, handlers, extra)
        .prop_map(move |((typespace, types, tables), functions, (handlers, routes), extra)| {
            let (mut reducers, procedures, views) = functions;
            let (policy, salt, explicit, sql, submodules) = extra;
            let mut sections = Vec::new();

            // Schedules need a function with the row as its only parameter.
            let mut schedules = Vec::new();
            for (place, table) in tables.iter().enumerate().take(2) {
                if salt[place] % 4 != 0 || table.primary_key.is_empty() {
                    continue;
                }
                let function_name: Box<str> = format!("runTable{place}").into();
                if salt[place] != 4 {
                    let row = AlgebraicType::Ref(table.product_type_ref);
                    reducers.push(RawReducerDefV10 {
                        source_name: function_name.clone(),
                        params: ProductType {
                            elements: [Element { name: Some("row".into()), ty: row }].into(),
                        },
                        visibility: RawFunctionVisibility::ClientCallable,
                        ok_return_type: AlgebraicType::unit(),
                        err_return_type: AlgebraicType::String,
                    });
                }
                let table_name = table.source_name.clone();
                schedules.push(RawScheduleDefV10 {
                    source_name: None,
                    table_name,
                    schedule_at_col: ColId(1),
                    function_name,
                });
            }
            // Submodules may not have lifecycle reducers, so mostly they have none.
            let mut lifecycles = Vec::new();
            if salt[2].is_multiple_of(3) && (depth > 0 || salt[3] < 8) {
                for reducer in reducers.iter().take(1 + usize::from(salt[4] < 8)) {
                    lifecycles.push(RawLifeCycleReducerDefV10 {
                        lifecycle_spec: [
                            RawLifecycle::Init,
                            RawLifecycle::OnConnect,
                            RawLifecycle::OnDisconnect,
                        ][usize::from(salt[5] % 3)],
                        function_name: reducer.source_name.clone(),
                    });
                }
            }
            let mut names = Vec::new();
            let mut explicit = explicit.into_iter();
            let mut mapping = |source_name: &str| RawNameMapping {
                source_name: source_name.into(),
                canonical_name: explicit.next().unwrap_or_default(),
            };
            if let Some(table) = tables.first().filter(|_| salt[6].is_multiple_of(2)) {
                names.push(RawExplicitNameEntry::Table(mapping(&table.source_name)));
                if let Some(source_name) =
                    table.indexes.first().and_then(|index| index.source_name.as_deref())
                {
                    names.push(RawExplicitNameEntry::Index(mapping(source_name)));
                }
            }
            if let Some(reducer) = reducers.first().filter(|_| salt[7].is_multiple_of(2)) {
                names.push(RawExplicitNameEntry::Function(mapping(&reducer.source_name)));
            }
            let mut keys = Vec::new();
            for view in views.iter().filter(|_| salt[8].is_multiple_of(2)) {
                let column = match salt[9] {
                    0..8 => "nothing",
                    _ => "Id",
                };
                let columns = vec![column.into(); usize::from(salt[10] > 9) + usize::from(salt[10] < 4)];
                keys.push(RawViewPrimaryKeyDefV10 { view_source_name: view.source_name.clone(), columns });
            }
            let routes: Vec<RawHttpRouteDefV10> = routes
                .into_iter()
                .filter_map(|(method, path)| {
                    let handler_function = match salt[11] {
                        0..4 => "nobody".into(),
                        _ => handlers.first()?.clone(),
                    };
                    Some(RawHttpRouteDefV10 { handler_function, method, path })
                })
                .collect();

            sections.push(RawSectionV10::Typespace(typespace));
            sections.push(RawSectionV10::Types(types));
            sections.push(RawSectionV10::Tables(tables));
            sections.push(RawSectionV10::Reducers(reducers));
            sections.push(RawSectionV10::Procedures(procedures));
            sections.push(RawSectionV10::Views(views));
            sections.push(RawSectionV10::Schedules(schedules));
            sections.push(RawSectionV10::LifeCycleReducers(lifecycles));
            sections.push(RawSectionV10::RowLevelSecurity(
                sql.into_iter().map(|sql| RawRowLevelSecurity { sql: sql.into() }).collect(),
            ));
            sections.extend(policy.map(RawSectionV10::CaseConversionPolicy));
            sections.push(RawSectionV10::ExplicitNames(RawExplicitNames { entries: names }));
            sections.push(RawSectionV10::HttpHandlers(
                handlers.into_iter().map(|source_name| RawHttpHandlerDefV10 { source_name }).collect(),
            ));
            sections.push(RawSectionV10::HttpRoutes(routes));
            sections.push(RawSectionV10::ViewPrimaryKeys(keys));
            sections.push(RawSectionV10::Submodules(submodules));
            RawModuleDefV10 { sections }
        })
        .boxed()
}

/// The same definition in version 9, as far as that goes.
pub fn to_v9(def: RawModuleDefV10) -> RawModuleDefV9 {
    let mut v9 = RawModuleDefV9 {
        typespace: Typespace::default(),
        tables: vec![],
        reducers: vec![],
        types: vec![],
        misc_exports: vec![],
        row_level_security: vec![],
    };
    let mut schedules = vec![];
    let mut lifecycles = vec![];
    for section in def.sections {
        match section {
            RawSectionV10::Typespace(typespace) => v9.typespace = typespace,
            RawSectionV10::Types(types) => v9.types.extend(types.into_iter().map(|ty| RawTypeDefV9 {
                name: RawScopedTypeNameV9 { scope: ty.source_name.scope, name: ty.source_name.source_name },
                ty: ty.ty,
                custom_ordering: ty.custom_ordering,
            })),
            RawSectionV10::Tables(tables) => {
                for table in tables {
                    for default in table.default_values {
                        v9.misc_exports.push(RawMiscModuleExportV9::ColumnDefaultValue(
                            RawColumnDefaultValueV9 {
                                table: table.source_name.clone(),
                                col_id: default.col_id,
                                value: default.value,
                            },
                        ));
                    }
                    let indexes = table.indexes.into_iter().map(|index| RawIndexDefV9 {
                        name: index.source_name.filter(|name| name.len() % 2 == 0),
                        accessor_name: index.accessor_name,
                        algorithm: index.algorithm,
                    });
                    let constraints = table.constraints.into_iter().map(|constraint| RawConstraintDefV9 {
                        name: constraint.source_name.filter(|name| name.len() % 2 == 0),
                        data: constraint.data,
                    });
                    let sequences = table.sequences.into_iter().map(|sequence| RawSequenceDefV9 {
                        name: sequence.source_name,
                        column: sequence.column,
                        start: sequence.start,
                        min_value: sequence.min_value,
                        max_value: sequence.max_value,
                        increment: sequence.increment,
                    });
                    v9.tables.push(RawTableDefV9 {
                        name: table.source_name,
                        product_type_ref: table.product_type_ref,
                        primary_key: table.primary_key,
                        indexes: indexes.collect(),
                        constraints: constraints.collect(),
                        sequences: sequences.collect(),
                        schedule: None,
                        table_type: table.table_type,
                        table_access: table.table_access,
                    });
                }
            }
            RawSectionV10::Reducers(reducers) => {
                v9.reducers.extend(reducers.into_iter().map(|reducer| RawReducerDefV9 {
                    name: reducer.source_name,
                    params: reducer.params,
                    lifecycle: None,
                }));
            }
            RawSectionV10::Procedures(procedures) => {
                v9.misc_exports.extend(procedures.into_iter().map(|it| {
                    RawMiscModuleExportV9::Procedure(RawProcedureDefV9 {
                        name: it.source_name,
                        params: it.params,
                        return_type: it.return_type,
                    })
                }));
            }
            RawSectionV10::Views(views) => v9.misc_exports.extend(views.into_iter().map(|view| {
                RawMiscModuleExportV9::View(RawViewDefV9 {
                    name: view.source_name,
                    index: view.index,
                    is_public: view.is_public,
                    is_anonymous: view.is_anonymous,
                    params: view.params,
                    return_type: view.return_type,
                })
            })),
            RawSectionV10::Schedules(section) => schedules = section,
            RawSectionV10::LifeCycleReducers(section) => lifecycles = section,
            RawSectionV10::RowLevelSecurity(rules) => v9.row_level_security = rules,
            _ => {}
        }
    }
    for schedule in schedules {
        if let Some(table) = v9.tables.iter_mut().find(|table| table.name == schedule.table_name) {
            table.schedule = Some(RawScheduleDefV9 {
                name: schedule.source_name,
                reducer_name: schedule.function_name,
                scheduled_at_column: schedule.schedule_at_col,
            });
        }
    }
    for lifecycle in lifecycles {
        if let Some(reducer) = v9.reducers.iter_mut().find(|reducer| reducer.name == lifecycle.function_name)
        {
            reducer.lifecycle = Some(lifecycle.lifecycle_spec);
        }
    }
    v9
}
