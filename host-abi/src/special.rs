//! The types that the contract gives a meaning of their own, told by their shape.
//!
//! There are no names for types inside values: a product with the one element `__identity__` of the right type
//! *is* an identity. References are not followed while looking.

use crate::{AlgebraicType, Element, ProductType, SumType, TypeRef, Variant};

/// A product that stands for one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpecialProduct {
    /// An [`Identity`](crate::Identity): 256 bits.
    Identity,
    /// A [`ConnectionId`](crate::ConnectionId): 128 bits.
    ConnectionId,
    /// A [`Timestamp`](crate::Timestamp): signed microseconds, 64 bits.
    Timestamp,
    /// A [`TimeDuration`](crate::TimeDuration): signed microseconds, 64 bits.
    TimeDuration,
    /// A [`Uuid`](crate::Uuid): 128 bits.
    Uuid,
}

impl SpecialProduct {
    const ALL: [Self; 5] =
        [Self::Identity, Self::ConnectionId, Self::Timestamp, Self::TimeDuration, Self::Uuid];

    /// The name of its only element.
    pub const fn element_name(self) -> &'static str {
        match self {
            Self::Identity => "__identity__",
            Self::ConnectionId => "__connection_id__",
            Self::Timestamp => "__timestamp_micros_since_unix_epoch__",
            Self::TimeDuration => "__time_duration_micros__",
            Self::Uuid => "__uuid__",
        }
    }

    /// The type of its only element.
    pub const fn element_type(self) -> AlgebraicType {
        match self {
            Self::Identity => AlgebraicType::U256,
            Self::ConnectionId | Self::Uuid => AlgebraicType::U128,
            Self::Timestamp | Self::TimeDuration => AlgebraicType::I64,
        }
    }

    /// The type itself.
    pub fn ty(self) -> AlgebraicType {
        let element = Element { name: Some(self.element_name().into()), ty: self.element_type() };
        AlgebraicType::Product(ProductType { elements: [element].into() })
    }
}

impl ProductType {
    /// Which special product it is, if any.
    pub fn as_special(&self) -> Option<SpecialProduct> {
        let [Element { name: Some(name), ty }] = &*self.elements else { return None };
        // All names of special elements begin alike, and few others do.
        if !name.starts_with("__") {
            return None;
        }
        SpecialProduct::ALL
            .into_iter()
            .find(|special| **name == *special.element_name() && *ty == special.element_type())
    }

    /// The row type of the query that a view returns: the type that the only element, `__query__`, refers to.
    pub fn as_query(&self) -> Option<TypeRef> {
        match &*self.elements {
            [Element { name: Some(name), ty: AlgebraicType::Ref(row) }] if **name == *"__query__" => {
                Some(*row)
            }
            _ => None,
        }
    }
}

impl SumType {
    /// The two payloads, if it has exactly the variants with these names.
    fn as_pair(&self, first: &str, second: &str) -> Option<(&AlgebraicType, &AlgebraicType)> {
        match &*self.variants {
            [Variant { name: Some(a), ty: a_ty }, Variant { name: Some(b), ty: b_ty }]
                if **a == *first && **b == *second =>
            {
                Some((a_ty, b_ty))
            }
            _ => None,
        }
    }

    /// The type of the value, if it is an option: `some` with a value, or `none`.
    pub fn as_option(&self) -> Option<&AlgebraicType> {
        self.as_pair("some", "none").filter(|(_, none)| none.is_unit()).map(|(some, _)| some)
    }

    /// The types of success and failure, if it is a result: `ok` or `err`.
    pub fn as_result(&self) -> Option<(&AlgebraicType, &AlgebraicType)> {
        self.as_pair("ok", "err")
    }

    /// Whether it is a [`ScheduleAt`](crate::ScheduleAt).
    pub fn is_schedule_at(&self) -> bool {
        let is = |ty: &AlgebraicType, special| ty.as_special() == Some(special);
        self.as_pair("Interval", "Time").is_some_and(|(interval, time)| {
            is(interval, SpecialProduct::TimeDuration) && is(time, SpecialProduct::Timestamp)
        })
    }

    /// Whether it is a special sum: an option, a result or a [`ScheduleAt`](crate::ScheduleAt).
    pub fn is_special(&self) -> bool {
        self.as_option().is_some() || self.as_result().is_some() || self.is_schedule_at()
    }

    /// Whether it has variants, and none of them a payload.
    pub fn is_plain_enum(&self) -> bool {
        !self.variants.is_empty() && self.variants.iter().all(|variant| variant.ty.is_unit())
    }
}

impl AlgebraicType {
    /// Which special product it is, if any.
    pub fn as_special(&self) -> Option<SpecialProduct> {
        match self {
            Self::Product(product) => product.as_special(),
            _ => None,
        }
    }

    /// The type of the value, if it is an option.
    pub fn as_option(&self) -> Option<&Self> {
        match self {
            Self::Sum(sum) => sum.as_option(),
            _ => None,
        }
    }

    /// An option of a type.
    pub fn option(some: Self) -> Self {
        let variant = |name: &str, ty| Variant { name: Some(name.into()), ty };
        Self::Sum(SumType { variants: [variant("some", some), variant("none", Self::unit())].into() })
    }

    /// The type of [`ScheduleAt`](crate::ScheduleAt).
    pub fn schedule_at() -> Self {
        let variant = |name: &str, ty| Variant { name: Some(name.into()), ty };
        let interval = variant("Interval", SpecialProduct::TimeDuration.ty());
        let time = variant("Time", SpecialProduct::Timestamp.ty());
        Self::Sum(SumType { variants: [interval, time].into() })
    }

    /// Whether it is [`ScheduleAt`](crate::ScheduleAt).
    pub fn is_schedule_at(&self) -> bool {
        matches!(self, Self::Sum(sum) if sum.is_schedule_at())
    }

    /// Whether it is the product without elements.
    pub fn is_unit(&self) -> bool {
        matches!(self, Self::Product(product) if product.elements.is_empty())
    }

    /// Whether it is the sum without variants, which has no values.
    pub fn is_never(&self) -> bool {
        matches!(self, Self::Sum(sum) if sum.variants.is_empty())
    }

    /// Whether it is an array of bytes.
    pub fn is_bytes(&self) -> bool {
        matches!(self, Self::Array(element) if **element == Self::U8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_types_are_known_by_their_shape() {
        for special in SpecialProduct::ALL {
            assert_eq!(special.ty().as_special(), Some(special));
        }
        let named = |name: &str, ty| {
            AlgebraicType::Product(ProductType { elements: [Element { name: Some(name.into()), ty }].into() })
        };
        assert_eq!(named("__identity__", AlgebraicType::U128).as_special(), None);
        assert_eq!(named("identity", AlgebraicType::U256).as_special(), None);
        assert_eq!(AlgebraicType::option(AlgebraicType::U8).as_option(), Some(&AlgebraicType::U8));
        assert!(AlgebraicType::schedule_at().is_schedule_at());
        assert!(!AlgebraicType::option(AlgebraicType::U8).is_schedule_at());
        let AlgebraicType::Product(query) = named("__query__", AlgebraicType::Ref(TypeRef(4))) else {
            panic!()
        };
        assert_eq!(query.as_query(), Some(TypeRef(4)));
    }
}
