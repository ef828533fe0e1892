//! Which types may be used where, so that code for clients can be generated.

use std::collections::HashSet;

use crate::{
    AlgebraicType, MAX_TYPE_DEPTH, TypeRef, Typespace,
    module_def::{TypeUseError, names},
};

/// Checks uses of types.
///
/// Columns, parameters and results may be of primitive types, special types, arrays, options and results of
/// those, and references to declared types. Product and sum types must be declared, for generated code needs a
/// name for them.
pub(super) struct TypeUses<'t> {
    typespace: &'t Typespace,
    declared: HashSet<TypeRef>,
    /// References to other types that have been followed without finding a fault.
    sound: HashSet<TypeRef>,
    inside: Vec<TypeRef>,
}

impl<'t> TypeUses<'t> {
    pub(super) fn new(typespace: &'t Typespace, declared: HashSet<TypeRef>) -> Self {
        Self { typespace, declared, sound: HashSet::new(), inside: Vec::new() }
    }

    /// Checks that a type may be used.
    pub(super) fn check(&mut self, ty: &AlgebraicType) -> Result<(), TypeUseError> {
        self.check_at(ty, 0)
    }

    fn check_at(&mut self, ty: &AlgebraicType, depth: usize) -> Result<(), TypeUseError> {
        if depth > MAX_TYPE_DEPTH {
            return Err(TypeUseError::TooDeep);
        }
        match ty {
            AlgebraicType::Product(product) if product.elements.is_empty() => Ok(()),
            AlgebraicType::Product(product) => {
                product.as_special().map(|_| ()).ok_or(TypeUseError::Anonymous)
            }
            AlgebraicType::Sum(sum) if sum.variants.is_empty() || sum.is_schedule_at() => Ok(()),
            AlgebraicType::Sum(sum) => {
                if let Some(some) = sum.as_option() {
                    self.check_at(some, depth + 1)
                } else if let Some((ok, err)) = sum.as_result() {
                    self.check_at(ok, depth + 1)?;
                    self.check_at(err, depth + 1)
                } else {
                    Err(TypeUseError::Anonymous)
                }
            }
            AlgebraicType::Array(element) => self.check_at(element, depth + 1),
            AlgebraicType::Ref(target) => self.check_ref(*target, depth),
            _ => Ok(()),
        }
    }

    fn check_ref(&mut self, target: TypeRef, depth: usize) -> Result<(), TypeUseError> {
        if self.declared.contains(&target) || self.sound.contains(&target) {
            return Ok(());
        }
        let typespace = self.typespace;
        let ty = typespace.get(target).ok_or(TypeUseError::BadRef(target))?;
        if self.inside.contains(&target) {
            return Err(TypeUseError::BadRef(target));
        }
        self.inside.push(target);
        let result = self.check_at(ty, depth + 1);
        self.inside.pop();
        result?;
        self.sound.insert(target);
        Ok(())
    }

    /// Checks that a type may be declared with a name; everything that is wrong with it.
    pub(super) fn check_definition(&mut self, target: TypeRef) -> Vec<Fault> {
        let typespace = self.typespace;
        let mut faults = Vec::new();
        let members: Vec<(Option<&str>, &AlgebraicType)> = match typespace.get(target) {
            None => return vec![Fault::Use(TypeUseError::BadRef(target))],
            Some(AlgebraicType::Product(product)) => {
                product.elements.iter().map(|element| (element.name.as_deref(), &element.ty)).collect()
            }
            Some(AlgebraicType::Sum(sum)) => {
                sum.variants.iter().map(|variant| (variant.name.as_deref(), &variant.ty)).collect()
            }
            Some(_) => return vec![Fault::Use(TypeUseError::NotADefinition(target))],
        };
        for (name, ty) in members {
            match name.map(|name| (name, names::check(name))) {
                Some((_, Ok(()))) => {}
                Some((name, Err(error))) => faults.push(Fault::Name(name.into(), error)),
                None => faults.push(Fault::Use(TypeUseError::UnnamedMember(target))),
            }
            if let Err(error) = self.check(ty) {
                faults.push(Fault::Use(error));
            }
        }
        faults
    }
}

/// What is wrong with a declared type.
pub(super) enum Fault {
    /// How it uses other types.
    Use(TypeUseError),
    /// The name of a member.
    Name(Box<str>, names::NameError),
}

/// Whether the members of a type are in the default order: those without name first, then by name.
pub(super) fn is_in_default_order(ty: &AlgebraicType) -> bool {
    match ty {
        AlgebraicType::Product(product) => {
            product.elements.is_sorted_by_key(|element| element.name.as_deref())
        }
        AlgebraicType::Sum(sum) => sum.variants.is_sorted_by_key(|variant| variant.name.as_deref()),
        _ => true,
    }
}
