//! Checks submodules and brings what is in them under the roof of the module that they are in.
//!
//! A module's lists hold its own things first and then those of its submodules in order, each of which has done
//! the same with its own. So a place in a list is the number that a call uses.

use super::{Input, validate as validate_module};
use crate::{
    AlgebraicType, ProductType, TypeRef,
    module_def::{DefError, ModuleDef, RawLifecycle, RawSubmoduleV10, TableDef, ViewDef, names},
};

/// The length in bytes of the longest namespace.
const MAX_NAMESPACE: usize = 63;

/// Checks submodules; those that are sound, with their namespaces.
pub(super) fn validate(
    raw: Vec<RawSubmoduleV10>,
    errors: &mut Vec<DefError>,
    budget: &mut usize,
) -> Vec<(Box<str>, ModuleDef)> {
    let mut submodules: Vec<(Box<str>, ModuleDef)> = Vec::with_capacity(raw.len());
    for RawSubmoduleV10 { namespace, module } in raw {
        if namespace.len() > MAX_NAMESPACE {
            errors.push(DefError::LongNamespace { namespace: namespace.clone() });
        }
        if let Err(error) = names::check(&namespace) {
            errors.push(DefError::BadName { name: namespace, error });
            continue;
        }
        if submodules.iter().any(|(taken, _)| *taken == namespace) {
            errors.push(DefError::DuplicateNamespace { namespace });
            continue;
        }
        match validate_module(Input::of_v10(module), Vec::new(), budget) {
            Ok(def) => {
                for (lifecycle, reducer) in [
                    (RawLifecycle::Init, def.init),
                    (RawLifecycle::OnConnect, def.client_connected),
                    (RawLifecycle::OnDisconnect, def.client_disconnected),
                ] {
                    if reducer.is_some() {
                        let namespace = namespace.clone();
                        errors.push(DefError::LifecycleInSubmodule { lifecycle, namespace });
                    }
                }
                submodules.push((namespace, def));
            }
            Err(found) => errors.extend(found.0),
        }
    }
    submodules
}

/// Adds a submodule, and all that can be stored or called of it under dotted names, to a module.
pub(super) fn mount(def: &mut ModuleDef, namespace: Box<str>, submodule: ModuleDef) {
    let inside = Inside { namespace: &namespace, types: def.typespace.types.len() as u32 };

    let types = submodule.typespace.types.iter().cloned().map(|ty| inside.ty(ty));
    def.typespace.types.extend(types);
    def.tables.extend(submodule.tables.iter().cloned().map(|table| inside.table(table)));
    for reducer in &submodule.reducers {
        let mut reducer = reducer.clone();
        reducer.name = inside.name(&reducer.name);
        reducer.accessor_name = inside.name(&reducer.accessor_name);
        reducer.params = inside.product(reducer.params);
        def.reducers.push(reducer);
    }
    for procedure in &submodule.procedures {
        let mut procedure = procedure.clone();
        procedure.name = inside.name(&procedure.name);
        procedure.accessor_name = inside.name(&procedure.accessor_name);
        procedure.params = inside.product(procedure.params);
        procedure.return_type = inside.ty(procedure.return_type);
        def.procedures.push(procedure);
    }
    // The views of each kind are numbered on their own.
    let count =
        |is_anonymous| def.views.iter().filter(|view| view.is_anonymous == is_anonymous).count() as u32;
    let (anonymous, with_sender) = (count(true), count(false));
    for view in &submodule.views {
        let mut view = inside.view(view.clone());
        let before = if view.is_anonymous { anonymous } else { with_sender };
        view.index = view.index.saturating_add(before);
        def.views.push(view);
    }
    def.submodules.push((namespace, submodule));
}

/// The change that things undergo when their module becomes a submodule.
struct Inside<'n> {
    namespace: &'n str,
    /// How many types there are before those of the submodule.
    types: u32,
}

impl Inside<'_> {
    fn name(&self, name: &str) -> Box<str> {
        format!("{}.{name}", self.namespace).into()
    }

    fn reference(&self, target: TypeRef) -> TypeRef {
        TypeRef(target.0.saturating_add(self.types))
    }

    fn ty(&self, ty: AlgebraicType) -> AlgebraicType {
        match ty {
            AlgebraicType::Ref(target) => AlgebraicType::Ref(self.reference(target)),
            AlgebraicType::Array(element) => AlgebraicType::Array(Box::new(self.ty(*element))),
            AlgebraicType::Product(product) => AlgebraicType::Product(self.product(product)),
            AlgebraicType::Sum(mut sum) => {
                for variant in &mut sum.variants {
                    variant.ty = self.ty(std::mem::replace(&mut variant.ty, AlgebraicType::Bool));
                }
                AlgebraicType::Sum(sum)
            }
            scalar => scalar,
        }
    }

    fn product(&self, mut product: ProductType) -> ProductType {
        for element in &mut product.elements {
            element.ty = self.ty(std::mem::replace(&mut element.ty, AlgebraicType::Bool));
        }
        product
    }

    fn table(&self, mut table: TableDef) -> TableDef {
        table.name = self.name(&table.name);
        table.accessor_name = self.name(&table.accessor_name);
        table.row_type = self.reference(table.row_type);
        for index in &mut table.indexes {
            index.name = self.name(&index.name);
            index.alias = index.alias.as_deref().map(|alias| self.name(alias));
        }
        for constraint in &mut table.unique_constraints {
            constraint.name = self.name(&constraint.name);
        }
        for sequence in &mut table.sequences {
            sequence.name = self.name(&sequence.name);
        }
        if let Some(schedule) = &mut table.schedule {
            schedule.name = self.name(&schedule.name);
            schedule.function = self.name(&schedule.function);
        }
        table
    }

    fn view(&self, mut view: ViewDef) -> ViewDef {
        view.name = self.name(&view.name);
        view.accessor_name = self.name(&view.accessor_name);
        view.params = self.product(view.params);
        view.return_type = self.ty(view.return_type);
        view.row_type = self.reference(view.row_type);
        view
    }
}
