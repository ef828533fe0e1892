//! Checks raw definitions and settles every name.
//!
//! All errors are collected, not only the first, so that one attempt to publish shows them all. What refers to a
//! faulty part is left out where its own errors would only repeat those of that part.

mod functions;
mod input;
mod submodules;
mod tables;
mod types;

use std::collections::HashSet;

use functions::Functions;
use input::Input;
use types::{Fault, TypeUses};

use super::{
    ColumnDef, DefError, DefErrors, ModuleDef, RawModuleDef, RawScheduleDefV10, RawTypeDefV10, ScheduleDef,
    TableDef, TypeDef,
    names::{self, Names},
};
use crate::{
    AlgebraicType, MAX_TYPE_SIZE, ProductType, TypeRef, Typespace, bsatn::Decode as _, layout::Guard,
};

impl ModuleDef {
    /// Decodes and checks the definition that a module gives of itself.
    pub fn decode(bytes: &[u8]) -> Result<Self, DefErrors> {
        Self::from_raw(RawModuleDef::from_bsatn(bytes).map_err(DefError::Malformed)?)
    }

    /// Checks a definition.
    pub fn from_raw(raw: RawModuleDef) -> Result<Self, DefErrors> {
        let mut errors = Vec::new();
        let input = match raw {
            RawModuleDef::V9(def) => Input::of_v9(def, &mut errors),
            RawModuleDef::V10(def) => Input::of_v10(def),
        };
        let mut budget = MAX_EXPANSION;
        validate(input, errors, &mut budget)
    }
}

/// How many types the columns of all tables and views of a module may consist of once references are replaced by
/// what they refer to. A small definition could otherwise take all memory there is.
const MAX_EXPANSION: usize = 1 << 22;

/// What is carried along while checking one module.
struct Validator<'t> {
    version: u8,
    /// The types with the names of the code.
    source: &'t Typespace,
    /// The types with canonical names.
    typespace: &'t Typespace,
    names: Names,
    uses: TypeUses<'t>,
    /// The names of everything that is stored: tables, indexes, constraints, sequences, schedules, views.
    stored: HashSet<Box<str>>,
    errors: Vec<DefError>,
    /// How much is left of [`MAX_EXPANSION`].
    budget: usize,
}

fn validate(input: Input, errors: Vec<DefError>, budget: &mut usize) -> Result<ModuleDef, DefErrors> {
    let source = input.typespace;
    let names = Names::new(input.converts_names, input.explicit_names);
    let mut typespace = source.clone();
    names.convert_typespace(&mut typespace);

    let declared = input.types.iter().map(|ty| ty.ty).collect();
    let mut validator = Validator {
        version: input.version,
        source: &source,
        typespace: &typespace,
        names,
        uses: TypeUses::new(&source, declared),
        stored: HashSet::new(),
        errors,
        budget: *budget,
    };

    let mut functions = Functions {
        reducers: validator.reducers(input.reducers),
        procedures: validator.procedures(input.procedures),
        views: validator.views(input.views),
    };
    let mut tables = validator.tables(input.tables);
    let types = validator.types(input.types);
    validator.schedules(input.schedules, &mut tables);
    let lifecycles = validator.lifecycles(&input.lifecycles, &mut functions.reducers);
    let http_handlers = validator.http_handlers(input.http_handlers);
    let http_routes = validator.http_routes(input.http_routes, &http_handlers);
    validator.check_function_names(&functions);
    validator.check_scheduled_functions(&tables, &mut functions);
    validator.view_primary_keys(input.view_primary_keys, &tables, &mut functions.views);

    *budget = validator.budget;
    let mut errors = validator.errors;
    let submodules = submodules::validate(input.submodules, &mut errors, budget);

    let mut seen = HashSet::new();
    let row_level_security =
        input.row_level_security.into_iter().map(|rule| rule.sql).filter(|sql| seen.insert(sql.clone()));
    let mut def = ModuleDef {
        raw_version: input.version,
        types,
        tables,
        reducers: functions.reducers,
        procedures: functions.procedures,
        views: functions.views,
        http_handlers,
        http_routes,
        init: lifecycles.init,
        client_connected: lifecycles.connect,
        client_disconnected: lifecycles.disconnect,
        row_level_security: row_level_security.collect(),
        submodules: Vec::new(),
        typespace,
    };
    for (namespace, submodule) in submodules {
        submodules::mount(&mut def, namespace, submodule);
    }
    if errors.is_empty() { Ok(def) } else { Err(DefErrors(without_repetition(errors))) }
}

/// The errors, each once.
fn without_repetition(errors: Vec<DefError>) -> Vec<DefError> {
    let mut once: Vec<DefError> = Vec::new();
    for error in errors {
        if !once.contains(&error) {
            once.push(error);
        }
        // A hostile module may have millions of faults, and nobody wants to read them.
        if once.len() >= 100 {
            break;
        }
    }
    once
}

impl<'t> Validator<'t> {
    /// Checks that a name is allowed.
    fn check_name(&mut self, name: &str) {
        if let Err(error) = names::check(name) {
            self.errors.push(DefError::BadName { name: name.into(), error });
        }
    }

    /// Takes a name in the namespace of what is stored.
    fn take_name(&mut self, name: &str) {
        if !self.stored.insert(name.into()) {
            self.errors.push(DefError::DuplicateName { name: name.into() });
        }
    }

    /// Takes a canonical name and the one in the code, which is an alias for it.
    fn take_names(&mut self, source: &str, canonical: &str) {
        self.take_name(source);
        if source != canonical {
            self.take_name(canonical);
        }
    }

    /// Checks that a type may be used at a place, which is only described if it may not.
    fn check_use(&mut self, ty: &AlgebraicType, place: impl FnOnce() -> String) {
        if let Err(error) = self.uses.check(ty) {
            self.errors.push(DefError::BadTypeUse { place: place().into(), error });
        }
    }

    /// The row type of a table or a view, with the names of the code and with canonical names.
    fn row_type(&mut self, name: &str, ty: TypeRef) -> Option<(&'t ProductType, &'t ProductType)> {
        match (self.source.get(ty), self.typespace.get(ty)) {
            (Some(AlgebraicType::Product(source)), Some(AlgebraicType::Product(canonical))) => {
                Some((source, canonical))
            }
            _ => {
                self.errors.push(DefError::BadRowType { name: name.into(), ty });
                None
            }
        }
    }

    /// The columns of a table or a view. There is one for each element of the row type, even for faulty ones,
    /// unless the module is too large to go on.
    fn columns(&mut self, table: &str, source: &ProductType, canonical: &ProductType) -> Vec<ColumnDef> {
        let mut columns = Vec::with_capacity(source.elements.len());
        if self.budget < source.elements.len() {
            self.errors.push(DefError::TooLarge);
            return columns;
        }
        // The whole row must be possible to lay out, in the table of a view with one more column.
        let mut row_budget = self.budget.min(MAX_TYPE_SIZE - 1);
        for (place, (source, canonical)) in source.elements.iter().zip(&canonical.elements).enumerate() {
            self.check_use(&source.ty, || {
                let name = source.name.as_deref().unwrap_or("without a name");
                format!("column {place} (`{name}`) of `{table}`")
            });
            let name: Box<str> = canonical.name.clone().unwrap_or_default();
            let accessor_name: Box<str> = match &source.name {
                Some(accessor_name) => {
                    self.check_name(accessor_name);
                    self.check_name(&name);
                    accessor_name.clone()
                }
                None => {
                    self.errors.push(DefError::UnnamedColumn { table: table.into(), column: place });
                    Box::default()
                }
            };
            let mut guard = Guard::with_budget(self.typespace, row_budget);
            let resolved = canonical.ty.resolve_with(&mut guard);
            self.budget -= row_budget - guard.budget_left();
            row_budget = guard.budget_left();
            let ty = resolved.unwrap_or_else(|error| {
                let column = accessor_name.clone();
                self.errors.push(DefError::BadColumnType { table: table.into(), column, error });
                AlgebraicType::unit()
            });
            columns.push(ColumnDef { name, accessor_name, ty, default: None });
        }
        columns
    }

    fn types(&mut self, types: Vec<RawTypeDefV10>) -> Vec<TypeDef> {
        let mut taken = HashSet::new();
        let mut defs = Vec::with_capacity(types.len());
        for ty in types {
            let name = self.names.type_name(&ty.source_name.source_name);
            let scope: Vec<Box<str>> =
                ty.source_name.scope.iter().map(|scope| self.names.type_name(scope)).collect();
            for part in scope.iter().chain([&name]) {
                self.check_name(part);
            }
            let def = TypeDef { scope, name, ty: ty.ty, custom_ordering: ty.custom_ordering };
            match self.typespace.get(ty.ty) {
                None => self.errors.push(DefError::NoSuchType { name: def.full_name(), ty: ty.ty }),
                Some(target) => {
                    if !ty.custom_ordering && !types::is_in_default_order(target) {
                        self.errors.push(DefError::WrongOrder { name: def.full_name() });
                    }
                    for fault in self.uses.check_definition(ty.ty) {
                        self.errors.push(match fault {
                            Fault::Use(error) => DefError::BadTypeUse {
                                place: format!("type `{}`", def.full_name()).into(),
                                error,
                            },
                            Fault::Name(name, error) => DefError::BadName { name, error },
                        });
                    }
                }
            }
            if !taken.insert(def.full_name()) {
                self.errors.push(DefError::DuplicateType { name: def.full_name() });
            }
            defs.push(def);
        }
        defs
    }

    fn schedules(&mut self, schedules: Vec<RawScheduleDefV10>, tables: &mut [TableDef]) {
        for schedule in schedules {
            let table_name = self.names.table(&schedule.table_name);
            let Some(table) = tables.iter_mut().find(|table| table.name == table_name) else {
                self.errors.push(DefError::NoSuchTable { table: schedule.table_name });
                continue;
            };
            // Version 10 always generates the name.
            let name = match schedule.source_name {
                Some(name) if self.version == 9 => name,
                _ => names::of_schedule(&table.name),
            };
            self.check_name(&name);
            self.take_name(&name);
            let function = self.names.function(&schedule.function_name);
            self.check_name(&function);

            // The types count as they are written: references are not followed.
            let row = self.typespace.get(table.row_type).and_then(|ty| match ty {
                AlgebraicType::Product(row) => Some(row),
                _ => None,
            });
            let column = |column: crate::ColId| row.and_then(|row| row.elements.get(usize::from(column.0)));
            let at_column = schedule.schedule_at_col;
            let has_time = column(at_column).is_some_and(|element| element.ty.is_schedule_at());
            let has_key =
                table.primary_key.and_then(column).is_some_and(|element| element.ty == AlgebraicType::U64);
            if !(has_time && has_key) {
                self.errors.push(DefError::BadScheduleColumns { table: table.name.clone() });
            }
            if table.schedule.is_some() {
                self.errors.push(DefError::SecondSchedule { table: table.name.clone() });
            }
            table.schedule = Some(ScheduleDef { name, at_column, function });
        }
    }
}

impl TypeDef {
    /// Its name with the scopes around it, as in `outer::inner::name`.
    pub fn full_name(&self) -> Box<str> {
        let mut name = String::new();
        for scope in &self.scope {
            name.push_str(scope);
            name.push_str("::");
        }
        name.push_str(&self.name);
        name.into()
    }
}
