//! Types as JSON Schema, in each of the forms that values have on the way in and out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use orrery_host_abi::{
    AlgebraicType, Element, ModuleDef, ProductType, SpecialProduct, SumType, TypeRef, Variant,
};
use serde_json::{Map, Value, json};

/// The form that a value has in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// In a row of a view or an argument for one: plain JSON.
    Row,
    /// In arguments of calls: SATS-JSON with names. What is read takes more than that, so this is one way to write it.
    Argument,
    /// In what a procedure returns: SATS-JSON without names.
    Result,
}

/// What has a schema of its own, for others to refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Type(TypeRef),
    Identity,
    ConnectionId,
    Timestamp,
    TimeDuration,
    Uuid,
    ScheduleAt,
}

/// Collects the schemas of the named types that others refer to.
pub(super) struct Schemas<'m> {
    module: &'m ModuleDef,
    type_names: HashMap<TypeRef, String>,
    wanted: BTreeSet<(Form, Named)>,
    finished: BTreeMap<String, Value>,
}

impl<'m> Schemas<'m> {
    pub(super) fn new(module: &'m ModuleDef) -> Self {
        let type_names = type_names(module);
        Self { module, type_names, wanted: BTreeSet::new(), finished: BTreeMap::new() }
    }

    /// The schema of a type's values in that form.
    pub(super) fn of(&mut self, form: Form, ty: &AlgebraicType) -> Value {
        match ty {
            AlgebraicType::Ref(target) => self.reference(form, Named::Type(*target)),
            AlgebraicType::Product(product) => match product.as_special() {
                Some(special) => self.reference(form, named_special(special)),
                None => self.product(form, product),
            },
            AlgebraicType::Sum(sum) if sum.is_schedule_at() => self.reference(form, Named::ScheduleAt),
            AlgebraicType::Sum(sum) => self.sum(form, sum),
            AlgebraicType::Array(element) => match self.bytes(form, element) {
                Some(bytes) => bytes,
                None => json!({ "type": "array", "items": self.of(form, element) }),
            },
            scalar => of_scalar(form, scalar),
        }
    }

    /// The schema of a function's arguments.
    pub(super) fn arguments(&mut self, form: Form, params: &ProductType) -> Value {
        if params.elements.is_empty() {
            return unit(form);
        }
        let mut in_order = self.in_order(form, params);
        in_order["title"] = "in order".into();
        match self.by_name(form, params) {
            Some(mut by_name) => {
                by_name["title"] = "by name".into();
                json!({ "oneOf": [by_name, in_order] })
            }
            None => in_order,
        }
    }

    /// The schemas that those given out refer to, by name.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        // Making one may lead to more.
        while let Some((form, named)) = self.wanted.pop_first() {
            let name = self.name(form, named);
            if !self.finished.contains_key(&name) {
                let schema = self.definition(form, named);
                self.finished.insert(name, schema);
            }
        }
        self.finished.into_iter().collect()
    }

    fn reference(&mut self, form: Form, named: Named) -> Value {
        self.wanted.insert((form, named));
        json!({ "$ref": format!("#/components/schemas/{}", self.name(form, named)) })
    }

    fn name(&self, form: Form, named: Named) -> String {
        let name = match named {
            Named::Type(target) => self.type_names.get(&target).map_or("Unknown", String::as_str),
            special => special_name(special),
        };
        match form {
            Form::Row => name.to_owned(),
            Form::Argument => format!("{name}.Argument"),
            Form::Result => format!("{name}.Result"),
        }
    }

    fn definition(&mut self, form: Form, named: Named) -> Value {
        let module = self.module;
        match named {
            Named::Type(target) => {
                let mut schema = match module.typespace.get(target) {
                    // What has a name and no members is a struct that happens to be empty, not the unit.
                    Some(ty) if ty.is_unit() && form == Form::Row => {
                        json!({ "type": "object", "maxProperties": 0 })
                    }
                    Some(ty) => self.of(form, ty),
                    None => json!({}),
                };
                if let Some(def) = module.types.iter().find(|def| def.ty == target) {
                    schema["title"] = (*def.name).into();
                }
                schema
            }
            Named::ScheduleAt => {
                let AlgebraicType::Sum(sum) = AlgebraicType::schedule_at() else { return json!({}) };
                let mut schema = self.sum(form, &sum);
                schema["title"] = "ScheduleAt".into();
                schema["description"] =
                    "When something is to run: once at a time, or again and again after an interval.".into();
                schema
            }
            Named::Identity => special(form, SpecialProduct::Identity),
            Named::ConnectionId => special(form, SpecialProduct::ConnectionId),
            Named::Timestamp => special(form, SpecialProduct::Timestamp),
            Named::TimeDuration => special(form, SpecialProduct::TimeDuration),
            Named::Uuid => special(form, SpecialProduct::Uuid),
        }
    }

    fn product(&mut self, form: Form, product: &ProductType) -> Value {
        if product.elements.is_empty() {
            return unit(form);
        }
        let by_name = if form == Form::Result { None } else { self.by_name(form, product) };
        by_name.unwrap_or_else(|| self.in_order(form, product))
    }

    /// As an object; none if not every element has a name of its own.
    fn by_name(&mut self, form: Form, product: &ProductType) -> Option<Value> {
        let mut properties = Map::new();
        for Element { name, ty } in &product.elements {
            let schema = self.of(form, ty);
            if properties.insert(name.as_deref()?.to_owned(), schema).is_some() {
                return None;
            }
        }
        let required: Vec<Value> = properties.keys().map(|name| name.clone().into()).collect();
        Some(json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        }))
    }

    /// As an array.
    fn in_order(&mut self, form: Form, product: &ProductType) -> Value {
        let element = |Element { name, ty }: &Element| {
            let mut schema = self.of(form, ty);
            if let Some(name) = name {
                schema["title"] = (**name).into();
            }
            schema
        };
        let elements: Vec<Value> = product.elements.iter().map(element).collect();
        tuple(&elements)
    }

    fn sum(&mut self, form: Form, sum: &SumType) -> Value {
        if sum.variants.is_empty() {
            return json!({ "not": {}, "description": "There is no value of this type." });
        }
        match form {
            Form::Row => self.plain_sum(sum),
            Form::Argument => match sum.as_option() {
                Some(some) => {
                    let some = self.variant(form, "some", some);
                    json!({ "oneOf": [{ "type": "null", "title": "none" }, some] })
                }
                None => {
                    let variants = sum.variants.iter().enumerate();
                    let variants =
                        variants.map(|(tag, it)| self.variant(form, &argument_key(tag, it), &it.ty));
                    json!({ "oneOf": variants.collect::<Vec<_>>() })
                }
            },
            Form::Result => {
                let variant = |(tag, variant): (usize, &Variant)| {
                    let mut schema = tuple(&[json!({ "const": tag }), self.of(form, &variant.ty)]);
                    if let Some(name) = &variant.name {
                        schema["title"] = (**name).into();
                    }
                    schema
                };
                json!({ "oneOf": sum.variants.iter().enumerate().map(variant).collect::<Vec<_>>() })
            }
        }
    }

    fn plain_sum(&mut self, sum: &SumType) -> Value {
        if let Some(some) = sum.as_option() {
            // Not `oneOf`: a number may be null as well, where it is none.
            return json!({ "anyOf": [self.of(Form::Row, some), { "type": "null" }] });
        }
        let mut bare: Vec<Value> = Vec::new();
        let mut others = Vec::new();
        for (tag, variant) in sum.variants.iter().enumerate() {
            let name = variant.name.as_deref().map_or_else(|| tag.to_string(), str::to_owned);
            if variant.ty.is_unit() {
                bare.push(name.into());
            } else {
                others.push(self.variant(Form::Row, &name, &variant.ty));
            }
        }
        let bare = (!bare.is_empty()).then(|| json!({ "type": "string", "enum": bare }));
        match bare {
            Some(bare) if others.is_empty() => bare,
            bare => json!({ "oneOf": bare.into_iter().chain(others).collect::<Vec<_>>() }),
        }
    }

    /// An object with the payload under the variant's name.
    fn variant(&mut self, form: Form, name: &str, payload: &AlgebraicType) -> Value {
        json!({
            "type": "object",
            "title": name,
            "properties": { name: self.of(form, payload) },
            "required": [name],
            "additionalProperties": false,
        })
    }

    /// The schema of an array, if it is one of bytes.
    fn bytes(&self, form: Form, element: &AlgebraicType) -> Option<Value> {
        let is_bytes = match form {
            // What is read goes by the type as it is written.
            Form::Argument => *element == AlgebraicType::U8,
            Form::Row | Form::Result => self.leads_to_u8(element),
        };
        is_bytes.then(|| match form {
            Form::Row => json!({ "type": "string", "contentEncoding": "base64" }),
            Form::Argument | Form::Result => json!({
                "type": "string",
                "contentEncoding": "base16",
                "pattern": "^([0-9a-fA-F]{2})*$",
                "description": "Bytes as hexadecimal digits.",
            }),
        })
    }

    fn leads_to_u8(&self, ty: &AlgebraicType) -> bool {
        self.follow(ty) == Some(&AlgebraicType::U8)
    }

    /// Whether a value may be left out.
    pub(super) fn is_option(&self, ty: &AlgebraicType) -> bool {
        self.follow(ty).is_some_and(|ty| ty.as_option().is_some())
    }

    /// What a type refers to, however often.
    fn follow<'t>(&'t self, ty: &'t AlgebraicType) -> Option<&'t AlgebraicType> {
        let mut ty = ty;
        // As many steps as there are types lead to the end, or round in a circle.
        for _ in 0..=self.module.typespace.types.len() {
            let AlgebraicType::Ref(target) = ty else { return Some(ty) };
            ty = self.module.typespace.get(*target)?;
        }
        None
    }
}

/// A name for each type in the typespace that can stand in a URL, is no other's, and none of a special type.
fn type_names(module: &ModuleDef) -> HashMap<TypeRef, String> {
    let specials = [
        Named::Identity,
        Named::ConnectionId,
        Named::Timestamp,
        Named::TimeDuration,
        Named::Uuid,
        Named::ScheduleAt,
    ];
    let mut taken: BTreeSet<String> = specials.map(|special| special_name(special).to_owned()).into();
    let mut names = HashMap::new();
    for def in &module.types {
        let path = def.scope.iter().chain([&def.name]).map(|part| component_name(part));
        let name = path.collect::<Vec<_>>().join("-");
        names.entry(def.ty).or_insert_with(|| unused(name, &mut taken));
    }
    for place in 0..module.typespace.types.len() {
        let target = TypeRef(u32::try_from(place).unwrap_or(u32::MAX));
        names.entry(target).or_insert_with(|| unused(format!("Type{place}"), &mut taken));
    }
    names
}

/// The name, or with a number behind it if it is taken. Takes it.
pub(super) fn unused(name: String, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    let found = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name));
    let found = found.unwrap_or(name);
    taken.insert(found.clone());
    found
}

/// The name with what components may not be called replaced. Without a dot: behind one stands the form.
fn component_name(name: &str) -> String {
    name.chars().map(|char| if char.is_ascii_alphanumeric() || char == '_' { char } else { '-' }).collect()
}

fn special_name(named: Named) -> &'static str {
    match named {
        Named::Type(_) => "Unknown",
        Named::Identity => "Identity",
        Named::ConnectionId => "ConnectionId",
        Named::Timestamp => "Timestamp",
        Named::TimeDuration => "TimeDuration",
        Named::Uuid => "Uuid",
        Named::ScheduleAt => "ScheduleAt",
    }
}

fn named_special(special: SpecialProduct) -> Named {
    match special {
        SpecialProduct::Identity => Named::Identity,
        SpecialProduct::ConnectionId => Named::ConnectionId,
        SpecialProduct::Timestamp => Named::Timestamp,
        SpecialProduct::TimeDuration => Named::TimeDuration,
        SpecialProduct::Uuid => Named::Uuid,
    }
}

fn special(form: Form, special: SpecialProduct) -> Value {
    let name = special.element_name();
    let mut schema = match form {
        Form::Row => match special {
            SpecialProduct::Identity => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
            SpecialProduct::ConnectionId => json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" }),
            SpecialProduct::Timestamp => json!({ "type": "string", "format": "date-time" }),
            SpecialProduct::TimeDuration => of_scalar(form, &AlgebraicType::I64),
            SpecialProduct::Uuid => json!({ "type": "string", "format": "uuid" }),
        },
        Form::Argument => json!({
            "type": "object",
            "properties": { name: of_scalar(form, &special.element_type()) },
            "required": [name],
            "additionalProperties": false,
        }),
        Form::Result => tuple(&[of_scalar(form, &special.element_type())]),
    };
    let description = match (special, form) {
        (SpecialProduct::Identity, Form::Row) => "Who somebody is, as hexadecimal digits.",
        (SpecialProduct::Identity, _) => "Who somebody is, as `0x` and hexadecimal digits.",
        (SpecialProduct::ConnectionId, Form::Row) => "A connection of a client, as hexadecimal digits.",
        (SpecialProduct::ConnectionId, _) => "A connection of a client, as a number.",
        (SpecialProduct::Timestamp, Form::Row) => "A time, in UTC.",
        (SpecialProduct::Timestamp, _) => "A time, in microseconds since 1970 in UTC.",
        (SpecialProduct::TimeDuration, _) => "A time span, in microseconds.",
        (SpecialProduct::Uuid, Form::Row) => "A UUID.",
        (SpecialProduct::Uuid, _) => "A UUID, as a number of 128 bits.",
    };
    schema["description"] = description.into();
    schema
}

/// The unit type.
fn unit(form: Form) -> Value {
    match form {
        Form::Row | Form::Result => json!({ "type": "array", "maxItems": 0 }),
        Form::Argument => json!({ "type": ["array", "object"], "maxItems": 0, "maxProperties": 0 }),
    }
}

/// An array of exactly these.
fn tuple(elements: &[Value]) -> Value {
    let count = elements.len();
    json!({ "type": "array", "prefixItems": elements, "items": false, "minItems": count, "maxItems": count })
}

/// The key under which a variant's payload is read. A number would be taken for a tag, so such a name is none.
fn argument_key(tag: usize, variant: &Variant) -> String {
    match variant.name.as_deref() {
        Some(name) if name.parse::<u8>().is_err() => name.to_owned(),
        _ => tag.to_string(),
    }
}

fn of_scalar(form: Form, ty: &AlgebraicType) -> Value {
    let integer = |format: &str, min: Value, max: Value| json!({ "type": "integer", "format": format, "minimum": min, "maximum": max });
    let text = |pattern: &str, description: &str| json!({ "type": "string", "pattern": pattern, "description": description });
    let is_plain = form == Form::Row;
    match ty {
        AlgebraicType::Bool => json!({ "type": "boolean" }),
        AlgebraicType::I8 => integer("int8", i8::MIN.into(), i8::MAX.into()),
        AlgebraicType::U8 => integer("uint8", u8::MIN.into(), u8::MAX.into()),
        AlgebraicType::I16 => integer("int16", i16::MIN.into(), i16::MAX.into()),
        AlgebraicType::U16 => integer("uint16", u16::MIN.into(), u16::MAX.into()),
        AlgebraicType::I32 => integer("int32", i32::MIN.into(), i32::MAX.into()),
        AlgebraicType::U32 => integer("uint32", u32::MIN.into(), u32::MAX.into()),
        AlgebraicType::I64 => integer("int64", i64::MIN.into(), i64::MAX.into()),
        AlgebraicType::U64 => integer("uint64", u64::MIN.into(), u64::MAX.into()),
        AlgebraicType::I128 if is_plain => text("^-?[0-9]{1,39}$", "A signed integer of 128 bits."),
        AlgebraicType::U128 if is_plain => text("^[0-9]{1,39}$", "An unsigned integer of 128 bits."),
        AlgebraicType::I256 if is_plain => text("^-?[0-9]{1,78}$", "A signed integer of 256 bits."),
        AlgebraicType::U256 if is_plain => text("^[0-9]{1,78}$", "An unsigned integer of 256 bits."),
        AlgebraicType::I128 => json!({ "type": "integer", "description": "A signed integer of 128 bits." }),
        AlgebraicType::U128 => {
            json!({ "type": "integer", "minimum": 0, "description": "An unsigned integer of 128 bits." })
        }
        AlgebraicType::I256 => text(
            "^-?0x([0-9a-fA-F]{1,63}|[0-7][0-9a-fA-F]{63})$|^-0x80{63}$",
            "A signed integer of 256 bits, as `0x` and hexadecimal digits.",
        ),
        AlgebraicType::U256 => {
            text("^0x[0-9a-fA-F]{1,64}$", "An unsigned integer of 256 bits, as `0x` and hexadecimal digits.")
        }
        AlgebraicType::F32 | AlgebraicType::F64 => {
            let format = if *ty == AlgebraicType::F32 { "float" } else { "double" };
            match form {
                Form::Argument => json!({ "type": "number", "format": format }),
                Form::Row | Form::Result => json!({
                    "type": ["number", "null"],
                    "format": format,
                    "description": "Null if it is no number, or infinite.",
                }),
            }
        }
        AlgebraicType::String => json!({ "type": "string" }),
        // The caller has dealt with these.
        AlgebraicType::Ref(_)
        | AlgebraicType::Product(_)
        | AlgebraicType::Sum(_)
        | AlgebraicType::Array(_) => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use orrery_host_abi::{Typespace, module_def::TypeDef};

    use super::*;

    fn product<const N: usize>(elements: [(&str, AlgebraicType); N]) -> AlgebraicType {
        let elements = elements.map(|(name, ty)| Element { name: Some(name.into()), ty });
        AlgebraicType::Product(ProductType { elements: elements.into() })
    }

    fn sum<const N: usize>(variants: [(&str, AlgebraicType); N]) -> AlgebraicType {
        let variants = variants.map(|(name, ty)| Variant { name: Some(name.into()), ty });
        AlgebraicType::Sum(SumType { variants: variants.into() })
    }

    fn reference(place: u32) -> AlgebraicType {
        AlgebraicType::Ref(TypeRef(place))
    }

    /// A module with these types, all of the names given.
    fn module<const N: usize>(types: [(&str, AlgebraicType); N]) -> ModuleDef {
        let names = types.each_ref().map(|(name, _)| (*name).to_owned());
        let def = |(place, name): (u32, &String)| TypeDef {
            scope: Vec::new(),
            name: (**name).into(),
            ty: TypeRef(place),
            custom_ordering: true,
        };
        ModuleDef {
            typespace: Typespace { types: types.map(|(_, ty)| ty).into() },
            types: (0..).zip(&names).filter(|(_, name)| !name.is_empty()).map(def).collect(),
            ..ModuleDef::default()
        }
    }

    /// The schema of a type in a form, and those that it refers to.
    fn schemas(module: &ModuleDef, form: Form, ty: &AlgebraicType) -> (Value, Value) {
        let mut schemas = Schemas::new(module);
        let schema = schemas.of(form, ty);
        (schema, schemas.finish().into())
    }

    #[test]
    fn a_type_may_contain_itself() {
        let tree =
            product([("value", AlgebraicType::U8), ("children", AlgebraicType::Array(reference(0).into()))]);
        let module = module([("Tree", tree)]);
        for (form, name) in
            [(Form::Row, "Tree"), (Form::Argument, "Tree.Argument"), (Form::Result, "Tree.Result")]
        {
            let (schema, components) = schemas(&module, form, &reference(0));
            let to_itself = json!({ "$ref": format!("#/components/schemas/{name}") });
            assert_eq!(schema, to_itself);
            let tree = &components[name];
            let children =
                if form == Form::Result { &tree["prefixItems"][1] } else { &tree["properties"]["children"] };
            assert_eq!(children["items"], to_itself);
            assert_eq!(tree["title"], "Tree");
        }
    }

    #[test]
    fn every_type_has_a_name_of_its_own() {
        let empty = AlgebraicType::unit;
        let module =
            module([("Timestamp", empty()), ("Größe", empty()), ("Gr\u{f8}\u{e5}e", empty()), ("", empty())]);
        let all = product([
            ("mine", reference(0)),
            ("theirs", SpecialProduct::Timestamp.ty()),
            ("one", reference(1)),
            ("two", reference(2)),
            ("three", reference(3)),
        ]);
        let (_, components) = schemas(&module, Form::Row, &all);
        let names: Vec<_> = components.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["Gr--e", "Gr--e_2", "Timestamp", "Timestamp_2", "Type3"]);
        assert_eq!(components["Timestamp"]["format"], "date-time");
        assert_eq!(
            components["Timestamp_2"],
            json!({ "type": "object", "maxProperties": 0, "title": "Timestamp" })
        );
    }

    #[test]
    fn sums_are_as_they_are_written() {
        let module = module([("Empty", AlgebraicType::unit())]);
        let shape =
            sum([("dot", AlgebraicType::unit()), ("empty", reference(0)), ("7", AlgebraicType::Bool)]);
        let object = |name: &str, payload: Value| {
            json!({
                "type": "object", "title": name, "properties": { name: payload }, "required": [name],
                "additionalProperties": false,
            })
        };
        let empty = |form: &str| json!({ "$ref": format!("#/components/schemas/Empty{form}") });
        let boolean = || json!({ "type": "boolean" });
        let unit = json!({ "type": ["array", "object"], "maxItems": 0, "maxProperties": 0 });
        assert_eq!(
            schemas(&module, Form::Row, &shape).0,
            json!({ "oneOf": [
                { "type": "string", "enum": ["dot"] }, object("empty", empty("")), object("7", boolean()),
            ] })
        );
        // A key that is a number is a tag.
        assert_eq!(
            schemas(&module, Form::Argument, &shape).0,
            json!({ "oneOf": [object("dot", unit), object("empty", empty(".Argument")), object("2", boolean())] })
        );
        let result = schemas(&module, Form::Result, &shape).0;
        assert_eq!(result["oneOf"][2]["prefixItems"], json!([{ "const": 2 }, { "type": "boolean" }]));
        let option = AlgebraicType::option(AlgebraicType::F32);
        let plain = schemas(&module, Form::Row, &option).0;
        assert_eq!(plain["anyOf"][1], json!({ "type": "null" }));
        assert_eq!(schemas(&module, Form::Row, &sum([])).0["not"], json!({}));
    }

    #[test]
    fn bytes_are_told_as_the_reader_and_the_writer_tell_them() {
        let module = module([("", AlgebraicType::U8)]);
        let direct = AlgebraicType::Array(AlgebraicType::U8.into());
        let led = AlgebraicType::Array(reference(0).into());
        for (form, ty, ty_name) in [
            (Form::Row, &direct, "string"),
            (Form::Argument, &direct, "string"),
            (Form::Row, &led, "string"),
            (Form::Result, &led, "string"),
            (Form::Argument, &led, "array"),
        ] {
            assert_eq!(schemas(&module, form, ty).0["type"], ty_name, "{form:?}");
        }
    }

    #[test]
    fn arguments_come_by_name_or_in_order() {
        let module = ModuleDef::default();
        let of = |ty: AlgebraicType| {
            let AlgebraicType::Product(params) = ty else { panic!() };
            Schemas::new(&module).arguments(Form::Argument, &params)
        };
        let two = of(product([("a", AlgebraicType::U8), ("b", AlgebraicType::Bool)]));
        assert_eq!(two["oneOf"][0]["required"], json!(["a", "b"]));
        assert_eq!(two["oneOf"][1]["prefixItems"][1], json!({ "type": "boolean", "title": "b" }));
        // By name, the second could not be said.
        let same = of(product([("a", AlgebraicType::U8), ("a", AlgebraicType::Bool)]));
        assert_eq!(same["minItems"], 2);
        assert_eq!(of(AlgebraicType::unit())["maxItems"], 0);
    }
}
