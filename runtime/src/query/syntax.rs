//! What a statement says, before any name in it is looked up.

use super::error::At;

/// A statement.
#[derive(Debug)]
pub(crate) enum Statement {
    /// `SELECT`
    Select(Select),
    /// `INSERT`
    Insert(Insert),
    /// `UPDATE`
    Update(Update),
    /// `DELETE`
    Delete(Delete),
    /// `SET`: a variable of the database.
    Set(Name, Literal),
    /// `SHOW`: a variable of the database.
    Show(Name),
}

/// A name. The parts of a qualified one are joined by dots, as tables of submodules are called.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(super) text: Box<str>,
    pub(super) at: At,
}

/// A column, perhaps with the table that it is of.
#[derive(Debug, Clone)]
pub(crate) struct ColumnName {
    pub(super) table: Option<Name>,
    pub(super) column: Name,
}

/// `SELECT`
#[derive(Debug)]
pub(crate) struct Select {
    pub(super) items: Vec<Item>,
    /// The tables of `FROM` and `JOIN`, in order.
    pub(super) tables: Vec<TableName>,
    /// All conditions of `ON` and `WHERE`; each must be met.
    pub(super) conditions: Vec<Condition>,
    pub(super) group_by: Vec<ColumnName>,
    pub(super) order_by: Vec<OrderItem>,
    pub(super) limit: Option<Literal>,
    pub(super) offset: Option<Literal>,
}

/// A table, and what it is called in the query.
#[derive(Debug)]
pub(crate) struct TableName {
    pub(super) name: Name,
    pub(super) alias: Name,
}

/// Something that is selected.
#[derive(Debug)]
pub(crate) enum Item {
    /// `*`, or `table.*`.
    All(Option<Name>, At),
    /// One value.
    Value {
        /// Which.
        value: ItemValue,
        /// What it is to be called.
        alias: Option<Name>,
    },
}

/// A value that is selected or ordered by.
#[derive(Debug, Clone)]
pub(crate) enum ItemValue {
    /// Of each row.
    Column(ColumnName),
    /// Of many rows; without a column it is about the rows as such.
    Aggregate(Function, Option<ColumnName>, At),
}

/// A function of many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    /// How many.
    Count,
    /// All together.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The mean.
    Avg,
}

impl Function {
    /// Its name, in small letters as columns are named after it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
        }
    }
}

/// What rows are ordered by.
#[derive(Debug)]
pub(crate) struct OrderItem {
    pub(super) value: ItemValue,
    pub(super) descending: bool,
}

/// Something that is true of a row, or not.
#[derive(Debug)]
pub(crate) enum Condition {
    /// Always or never.
    Constant(bool),
    /// A column of type `Bool`.
    Column(ColumnName),
    /// All of them.
    And(Vec<Condition>),
    /// At least one of them.
    Or(Vec<Condition>),
    /// Not that.
    Not(Box<Condition>),
    /// `a < b`
    Compare(Operand, Comparison, Operand, At),
    /// `a IN (b, c)`
    In(ColumnName, Vec<Operand>),
    /// `a LIKE 'b%'`; the character, if any, makes the next one stand for itself.
    Like(ColumnName, Literal, Option<char>),
    /// `a IS NULL`
    IsNull(ColumnName),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// `=`
    Equal,
    /// `<>` or `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Something that is compared.
#[derive(Debug)]
pub(crate) enum Operand {
    /// A column.
    Column(ColumnName),
    /// A value as it is written.
    Literal(Literal),
    /// `:sender`: who asks.
    Sender(At),
}

/// A value as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Literal {
    pub(super) form: LiteralForm,
    pub(super) at: At,
}

/// How a value is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LiteralForm {
    /// `TRUE` or `FALSE`
    Bool(bool),
    /// Digits, perhaps with a sign, a point and an exponent.
    Number(Box<str>),
    /// `'text'`, without the quotes.
    Text(Box<str>),
    /// `0x...` or `X'...'`, the digits only.
    Hex(Box<str>),
    /// `NULL`
    Null,
}

/// `INSERT`
#[derive(Debug)]
pub(crate) struct Insert {
    pub(super) table: Name,
    /// The columns that are named; none if the statement names none.
    pub(super) columns: Vec<Name>,
    pub(super) rows: Vec<Vec<Literal>>,
}

/// `UPDATE`
#[derive(Debug)]
pub(crate) struct Update {
    pub(super) table: Name,
    pub(super) assignments: Vec<(Name, Literal)>,
    pub(super) condition: Option<Condition>,
}

/// `DELETE`
#[derive(Debug)]
pub(crate) struct Delete {
    pub(super) table: Name,
    pub(super) condition: Option<Condition>,
}
