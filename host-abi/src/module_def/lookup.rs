//! Finding things of a module by name.

use super::{ColumnDef, HttpHandlerDef, ModuleDef, ProcedureDef, ReducerDef, SequenceDef, TableDef, ViewDef};
use crate::{ColId, Function};

impl ModuleDef {
    /// The table with that name: canonical, or as in the code.
    pub fn table(&self, name: &str) -> Option<&TableDef> {
        let canonical = self.tables.iter().find(|table| *table.name == *name);
        canonical.or_else(|| self.tables.iter().find(|table| *table.accessor_name == *name))
    }

    /// The reducer with that canonical name, and its id.
    pub fn reducer(&self, name: &str) -> Option<(u32, &ReducerDef)> {
        let place = self.reducers.iter().position(|reducer| *reducer.name == *name)?;
        Some((place as u32, &self.reducers[place]))
    }

    /// The procedure with that canonical name, and its id.
    pub fn procedure(&self, name: &str) -> Option<(u32, &ProcedureDef)> {
        let place = self.procedures.iter().position(|procedure| *procedure.name == *name)?;
        Some((place as u32, &self.procedures[place]))
    }

    /// The view with that name: canonical, or as in the code.
    pub fn view(&self, name: &str) -> Option<&ViewDef> {
        let canonical = self.views.iter().find(|view| *view.name == *name);
        canonical.or_else(|| self.views.iter().find(|view| *view.accessor_name == *name))
    }

    /// The HTTP handler that answers a request for a path with a method in upper case, and its id.
    pub fn http_handler(&self, method: &str, path: &str) -> Option<(u32, &HttpHandlerDef)> {
        let route = self.http_routes.iter().find(|route| {
            *route.path == *path && route.method.as_deref().is_none_or(|answered| answered == method)
        })?;
        Some((route.handler, self.http_handlers.get(route.handler as usize)?))
    }

    /// Whether a reducer is one that only the host itself calls.
    pub fn is_lifecycle(&self, reducer: u32) -> bool {
        [self.init, self.client_connected, self.client_disconnected].contains(&Some(reducer))
    }
}

impl TableDef {
    /// The column with that canonical name, and its place.
    pub fn column(&self, name: &str) -> Option<(ColId, &ColumnDef)> {
        find_column(&self.columns, name)
    }
}

impl ViewDef {
    /// The column with that canonical name, and its place.
    pub fn column(&self, name: &str) -> Option<(ColId, &ColumnDef)> {
        find_column(&self.columns, name)
    }

    /// What to call.
    pub const fn function(&self) -> Function {
        match self.is_anonymous {
            true => Function::AnonymousView(self.index),
            false => Function::View(self.index),
        }
    }
}

fn find_column<'c>(columns: &'c [ColumnDef], name: &str) -> Option<(ColId, &'c ColumnDef)> {
    let place = columns.iter().position(|column| *column.name == *name)?;
    Some((ColId(u16::try_from(place).ok()?), &columns[place]))
}

impl SequenceDef {
    /// Its first, smallest and largest value, with those that are not declared filled in.
    pub fn range(&self) -> (i128, i128, i128) {
        (self.start.unwrap_or(1), self.min_value.unwrap_or(1), self.max_value.unwrap_or(i128::MAX))
    }
}
