//! Which types may take the place of others for values that are there already.
//!
//! Values stay as they are, so the bytes of each must be valid under the new type and mean the same: sums may get
//! more variants at the end, anywhere inside. The peer moreover wants a sum to keep its size in the peer's rows;
//! clients know nothing of these, but a program that both accept should be told the same about its clients.

use orrery_host_abi::{AlgebraicType, ProductType, SumType};

/// What became of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Growth {
    /// Nothing.
    Same,
    /// Sums in it have more variants.
    Grown,
    /// Sums in it have more variants, and the peer would need more space for them.
    Larger,
}

/// How `new` follows `old`. The error says what is in the way, as the end of a sentence about the type.
pub(super) fn growth(old: &AlgebraicType, new: &AlgebraicType) -> Result<Growth, String> {
    match (old, new) {
        (AlgebraicType::Sum(old), AlgebraicType::Sum(new)) => sum_growth(old, new),
        (AlgebraicType::Product(old), AlgebraicType::Product(new)) => product_growth(old, new),
        (AlgebraicType::Array(old), AlgebraicType::Array(new)) => growth(old, new),
        _ if old == new => Ok(Growth::Same),
        _ => Err(format!("{} has become {}", type_text(old), type_text(new))),
    }
}

fn sum_growth(old: &SumType, new: &SumType) -> Result<Growth, String> {
    let named = |name: &Option<Box<str>>| name.as_deref().unwrap_or("?").to_owned();
    if let Some(gone) = old.variants.get(new.variants.len()) {
        return Err(format!("variant `{}` is gone", named(&gone.name)));
    }
    let mut growth_of_all = Growth::Same;
    for (old, new) in old.variants.iter().zip(&new.variants) {
        if old.name != new.name {
            return Err(format!(
                "variant `{}` stands where `{}` was, and new variants may only follow the old ones",
                named(&new.name),
                named(&old.name)
            ));
        }
        growth_of_all = growth_of_all.max(growth(&old.ty, &new.ty)?);
    }
    if old.variants.len() < new.variants.len() {
        growth_of_all = growth_of_all.max(Growth::Grown);
    }
    if space_of_sum(old) != space_of_sum(new) {
        growth_of_all = Growth::Larger;
    }
    Ok(growth_of_all)
}

fn product_growth(old: &ProductType, new: &ProductType) -> Result<Growth, String> {
    let (before, after) = (old.elements.len(), new.elements.len());
    if before != after {
        return Err(format!("a type in it had {before} members and has {after}"));
    }
    let mut growth_of_all = Growth::Same;
    for (old, new) in old.elements.iter().zip(&new.elements) {
        if old.name != new.name {
            let named = |name: &Option<Box<str>>| name.as_deref().unwrap_or("?").to_owned();
            return Err(format!("member `{}` has become `{}`", named(&old.name), named(&new.name)));
        }
        growth_of_all = growth_of_all.max(growth(&old.ty, &new.ty)?);
    }
    Ok(growth_of_all)
}

/// Size and alignment in the peer's rows.
type Space = (usize, usize);

fn space(ty: &AlgebraicType) -> Space {
    match ty {
        AlgebraicType::Sum(sum) => space_of_sum(sum),
        AlgebraicType::Product(product) => {
            let (mut end, mut align) = (0, 1);
            for element in &product.elements {
                let (size, own) = space(&element.ty);
                end = up_to(end, own) + size;
                align = align.max(own);
            }
            (up_to(end, align), align)
        }
        AlgebraicType::String | AlgebraicType::Array(_) => (4, 2),
        AlgebraicType::Bool | AlgebraicType::I8 | AlgebraicType::U8 => (1, 1),
        AlgebraicType::I16 | AlgebraicType::U16 => (2, 2),
        AlgebraicType::I32 | AlgebraicType::U32 | AlgebraicType::F32 => (4, 4),
        AlgebraicType::I64 | AlgebraicType::U64 | AlgebraicType::F64 => (8, 8),
        AlgebraicType::I128 | AlgebraicType::U128 => (16, 16),
        AlgebraicType::I256 | AlgebraicType::U256 => (32, 32),
        // The types of columns are resolved.
        AlgebraicType::Ref(_) => (0, 1),
    }
}

fn space_of_sum(sum: &SumType) -> Space {
    let payloads = sum.variants.iter().map(|variant| space(&variant.ty));
    let (size, align) = payloads.fold((0, 1), |all, one| (all.0.max(one.0), all.1.max(one.1)));
    // The tag comes first.
    (align + up_to(size, align), align)
}

fn up_to(size: usize, align: usize) -> usize {
    size.next_multiple_of(align)
}

/// A type in the notation of SATS, shortened where it has a name of its own.
pub(super) fn type_text(ty: &AlgebraicType) -> String {
    use orrery_host_abi::SpecialProduct;

    let member = |name: &Option<Box<str>>, ty: &AlgebraicType| match name {
        Some(name) => format!("{name}: {}", type_text(ty)),
        None => type_text(ty),
    };
    match ty {
        AlgebraicType::Product(product) => match product.as_special() {
            Some(SpecialProduct::Identity) => "Identity".into(),
            Some(SpecialProduct::ConnectionId) => "ConnectionId".into(),
            Some(SpecialProduct::Timestamp) => "Timestamp".into(),
            Some(SpecialProduct::TimeDuration) => "TimeDuration".into(),
            Some(SpecialProduct::Uuid) => "Uuid".into(),
            None => {
                let members: Vec<_> = product.elements.iter().map(|it| member(&it.name, &it.ty)).collect();
                format!("({})", members.join(", "))
            }
        },
        AlgebraicType::Sum(sum) => {
            if let Some(some) = sum.as_option() {
                return format!("Option<{}>", type_text(some));
            }
            let variants: Vec<_> = sum
                .variants
                .iter()
                .map(|it| match &it.name {
                    Some(name) if it.ty.is_unit() => name.to_string(),
                    name => member(name, &it.ty),
                })
                .collect();
            format!("({})", variants.join(" | "))
        }
        AlgebraicType::Array(element) => format!("Array<{}>", type_text(element)),
        AlgebraicType::Ref(target) => format!("&{}", target.0),
        scalar => format!("{scalar:?}"),
    }
}

#[cfg(test)]
mod tests {
    use orrery_host_abi::{Element, Variant};

    use super::*;

    use AlgebraicType as T;

    fn sum(variants: &[(&str, T)]) -> T {
        let variant = |(name, ty): &(&str, T)| Variant { name: Some((*name).into()), ty: ty.clone() };
        T::Sum(SumType { variants: variants.iter().map(variant).collect() })
    }

    fn product(elements: &[(&str, T)]) -> T {
        let element = |(name, ty): &(&str, T)| Element { name: Some((*name).into()), ty: ty.clone() };
        T::Product(ProductType { elements: elements.iter().map(element).collect() })
    }

    #[test]
    fn sums_grow_at_the_end() {
        let small = sum(&[("a", T::U64), ("b", T::unit())]);
        let grown = sum(&[("a", T::U64), ("b", T::unit()), ("c", T::I32)]);
        let larger = sum(&[("a", T::U64), ("b", T::unit()), ("c", T::I128)]);
        let wider = sum(&[("a", T::U64), ("b", T::unit()), ("c", product(&[("x", T::U64), ("y", T::U8)]))]);
        for wrap in [
            |ty: &T| ty.clone(),
            |ty: &T| T::Array(Box::new(ty.clone())),
            |ty: &T| product(&[("n", T::String), ("x", ty.clone())]),
            |ty: &T| sum(&[("s", ty.clone()), ("n", T::unit())]),
        ] {
            let growth = |new: &T| growth(&wrap(&small), &wrap(new));
            assert_eq!(growth(&small), Ok(Growth::Same));
            assert_eq!(growth(&grown), Ok(Growth::Grown));
            assert_eq!(growth(&larger), Ok(Growth::Larger));
            assert_eq!(growth(&wider), Ok(Growth::Larger));
        }
    }

    #[test]
    fn other_changes_are_refused_with_their_place() {
        let old = product(&[("x", sum(&[("a", T::U64), ("b", T::unit())])), ("y", T::U8)]);
        for (new, reason) in [
            (product(&[("x", sum(&[("a", T::U64)])), ("y", T::U8)]), "variant `b` is gone"),
            (
                product(&[("x", sum(&[("b", T::U64), ("a", T::unit())])), ("y", T::U8)]),
                "`b` stands where `a`",
            ),
            (product(&[("x", sum(&[("a", T::I64), ("b", T::unit())])), ("y", T::U8)]), "U64 has become I64"),
            (product(&[("x", T::U64), ("y", T::U8)]), "(a: U64 | b) has become U64"),
            (product(&[("x", sum(&[("a", T::U64), ("b", T::unit())]))]), "had 2 members and has 1"),
            (product(&[("x", sum(&[("a", T::U64), ("b", T::unit())])), ("z", T::U8)]), "`y` has become `z`"),
        ] {
            let refused = growth(&old, &new).unwrap_err();
            assert!(refused.contains(reason), "{refused} should name: {reason}");
        }
    }

    #[test]
    fn types_with_names_are_shown_by_them() {
        let option = sum(&[("some", T::Array(Box::new(T::U8))), ("none", T::unit())]);
        assert_eq!(type_text(&option), "Option<Array<U8>>");
        assert_eq!(type_text(&product(&[("__identity__", T::U256)])), "Identity");
        assert_eq!(type_text(&product(&[("a", T::String), ("b", T::Bool)])), "(a: String, b: Bool)");
    }
}
