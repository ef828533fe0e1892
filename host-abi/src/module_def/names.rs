//! Names: which are allowed, how canonical ones follow from those in the code, and how missing ones are made.

use std::collections::HashMap;

use convert_case::{Case, Casing};
use unicode_normalization::is_nfc;

use super::{IndexAlgorithm, RawExplicitNameEntry};
use crate::{AlgebraicType, ColId, ProductType, Typespace};

/// Why a name is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It has no characters.
    #[error("a name must not be empty")]
    Empty,
    /// It has another form with the same meaning.
    #[error("a name must be in Unicode normalisation form C")]
    NotNormalised,
    /// It begins with a character that no name may begin with.
    #[error("a name must not begin with {0:?}")]
    Start(char),
    /// It contains a character that no name may contain.
    #[error("a name must not contain {0:?}")]
    Continue(char),
}

/// Checks a name: a Unicode identifier in normalisation form C, which may also begin with an underscore.
pub(super) fn check(name: &str) -> Result<(), NameError> {
    let mut chars = name.chars();
    let first = chars.next().ok_or(NameError::Empty)?;
    if !name.is_ascii() && !is_nfc(name) {
        return Err(NameError::NotNormalised);
    }
    if first != '_' && !unicode_ident::is_xid_start(first) {
        return Err(NameError::Start(first));
    }
    match chars.find(|&char| !unicode_ident::is_xid_continue(char)) {
        Some(wrong) => Err(NameError::Continue(wrong)),
        None => Ok(()),
    }
}

/// How canonical names follow from those in the code.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Whether they are converted at all.
    pub(super) converts: bool,
    tables: HashMap<Box<str>, Box<str>>,
    functions: HashMap<Box<str>, Box<str>>,
    indexes: HashMap<Box<str>, Box<str>>,
}

impl Names {
    /// The rules of a module. Of several explicit names for one thing, the last counts.
    pub(super) fn new(converts: bool, explicit: Vec<RawExplicitNameEntry>) -> Self {
        let mut names = Self { converts, ..Self::default() };
        for entry in explicit {
            let (kind, mapping) = match entry {
                RawExplicitNameEntry::Table(mapping) => (&mut names.tables, mapping),
                RawExplicitNameEntry::Function(mapping) => (&mut names.functions, mapping),
                RawExplicitNameEntry::Index(mapping) => (&mut names.indexes, mapping),
            };
            kind.insert(mapping.source_name, mapping.canonical_name);
        }
        names
    }

    /// The canonical name of a table.
    pub(super) fn table(&self, source: &str) -> Box<str> {
        self.tables.get(source).cloned().unwrap_or_else(|| self.member(source))
    }

    /// The canonical name of a reducer, procedure, view or HTTP handler.
    pub(super) fn function(&self, source: &str) -> Box<str> {
        self.functions.get(source).cloned().unwrap_or_else(|| self.member(source))
    }

    /// The explicit name of an index. Without one the name is generated.
    pub(super) fn index(&self, source: &str) -> Option<Box<str>> {
        self.indexes.get(source).cloned()
    }

    /// The canonical name of a column or another element of a product: `snake_case`.
    pub(super) fn member(&self, source: &str) -> Box<str> {
        self.convert(source, Case::Snake)
    }

    /// The canonical name of a type or of a scope around it: `PascalCase`.
    pub(super) fn type_name(&self, source: &str) -> Box<str> {
        self.convert(source, Case::Pascal)
    }

    fn convert(&self, source: &str, case: Case) -> Box<str> {
        if self.converts { source.to_case(case).into() } else { source.into() }
    }

    /// Gives the members of all types their canonical names. Those of special types keep theirs.
    pub(super) fn convert_typespace(&self, typespace: &mut Typespace) {
        if self.converts {
            typespace.types.iter_mut().for_each(|ty| self.convert_type(ty));
        }
    }

    fn convert_type(&self, ty: &mut AlgebraicType) {
        match ty {
            AlgebraicType::Product(product) if product.as_special().is_none() => {
                for element in &mut product.elements {
                    if let Some(name) = &mut element.name {
                        *name = self.member(name);
                    }
                    self.convert_type(&mut element.ty);
                }
            }
            AlgebraicType::Sum(sum) if !sum.is_special() => {
                for variant in &mut sum.variants {
                    if let Some(name) = &mut variant.name {
                        *name = self.convert(name, Case::Camel);
                    }
                    self.convert_type(&mut variant.ty);
                }
            }
            AlgebraicType::Array(element) => self.convert_type(element),
            _ => {}
        }
    }
}

/// The columns in a generated name. A column without name, or that does not exist, has its number.
fn columns(row: &ProductType, columns: &[ColId]) -> String {
    let names: Vec<String> = columns
        .iter()
        .map(|column| {
            let element = row.elements.get(usize::from(column.0));
            match element.and_then(|element| element.name.as_deref()) {
                Some(name) => name.to_owned(),
                None => format!("col_{column}"),
            }
        })
        .collect();
    names.join("_")
}

/// The generated name of an index, from canonical names.
pub(super) fn of_index(table: &str, row: &ProductType, algorithm: &IndexAlgorithm) -> Box<str> {
    let kind = match algorithm {
        IndexAlgorithm::BTree(_) => "btree",
        IndexAlgorithm::Hash(_) => "hash",
        IndexAlgorithm::Direct(_) => "direct",
    };
    format!("{table}_{}_idx_{kind}", columns(row, algorithm.columns())).into()
}

/// The generated name of a unique constraint, from canonical names.
pub(super) fn of_unique(table: &str, row: &ProductType, unique: &[ColId]) -> Box<str> {
    format!("{table}_{}_key", columns(row, unique)).into()
}

/// The generated name of a sequence, from canonical names.
pub(super) fn of_sequence(table: &str, row: &ProductType, column: ColId) -> Box<str> {
    format!("{table}_{}_seq", columns(row, &[column])).into()
}

/// The generated name of a schedule, from the table's canonical name.
pub(super) fn of_schedule(table: &str) -> Box<str> {
    format!("{table}_sched").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions() {
        for (source, snake, camel, pascal) in [
            ("player1", "player_1", "player1", "Player1"),
            ("XMLHttp2Req", "xml_http_2_req", "xmlHttp2Req", "XmlHttp2Req"),
            ("_hidden__x_", "hidden_x", "hiddenX", "HiddenX"),
            ("U8", "u_8", "u8", "U8"),
            ("ID", "id", "id", "Id"),
            ("HTTPRequest", "http_request", "httpRequest", "HttpRequest"),
            ("RedApple", "red_apple", "redApple", "RedApple"),
            ("a-b c", "a_b_c", "aBC", "ABC"),
            ("___", "", "", ""),
            ("straßeÄ", "straße_ä", "straßeÄ", "StraßeÄ"),
        ] {
            let names = Names { converts: true, ..Names::default() };
            assert_eq!(&*names.member(source), snake);
            assert_eq!(&*names.convert(source, Case::Camel), camel);
            assert_eq!(&*names.type_name(source), pascal);
            assert_eq!(&*Names::default().member(source), source);
        }
    }

    #[test]
    fn allowed_names() {
        for name in ["a", "_", "_1", "größe", "名前", "a_b1"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        assert_eq!(check(""), Err(NameError::Empty));
        assert_eq!(check("1a"), Err(NameError::Start('1')));
        assert_eq!(check("a b"), Err(NameError::Continue(' ')));
        assert_eq!(check("a.b"), Err(NameError::Continue('.')));
        assert_eq!(check("e\u{301}"), Err(NameError::NotNormalised));
    }
}
