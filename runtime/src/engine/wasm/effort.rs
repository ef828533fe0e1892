//! Whether a module can be compiled in reasonable time.
//!
//! For ordinary code the compiler takes time in proportion to its length, but it follows every local variable
//! through every loop, and works its way out of nested loops and blocks level by level. A few kilobytes in the right shape
//! would keep it busy for hours, and nothing can stop it once it runs. So the shape is weighed beforehand.

use wasmparser::{FunctionBody, Operator, Parser, Payload};

use crate::engine::LoadError;

/// The weight of a module, at most. A unit is one local or one level of nesting in one loop, and costs about a
/// microsecond. The module that the official SDKs are tested with has 1.4 MB and
/// weighs less than a five-hundredth of this.
const WEIGHT_MAX: u64 = 1 << 23;

/// A block is lighter than a loop by this factor.
const BLOCKS_PER_LOOP: u64 = 64;

/// Turns away what would take too long to compile. Whether the module is valid is for the compiler to say.
pub(super) fn check(bytes: &[u8]) -> Result<(), LoadError> {
    let mut weight = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CodeSectionEntry(body) = payload.map_err(|e| invalid(&e))? {
            weight += function_weight(&body).map_err(|e| invalid(&e))?;
            if weight > WEIGHT_MAX * BLOCKS_PER_LOOP {
                return Err(LoadError::Invalid(
                    "its functions have too many loops, local variables and nested blocks".to_owned(),
                ));
            }
        }
    }
    Ok(())
}

/// In units of a block.
fn function_weight(body: &FunctionBody<'_>) -> wasmparser::Result<u64> {
    let mut locals = 0;
    for group in body.get_locals_reader()? {
        locals += u64::from(group?.0);
    }
    let mut weight = 0;
    // For each block that is open: whether it is a loop.
    let mut open = Vec::new();
    let mut open_loops = 0;
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::Loop { .. } => {
                weight += (locals + open_loops) * BLOCKS_PER_LOOP + open.len() as u64;
                open.push(true);
                open_loops += 1;
            }
            Operator::Block { .. } | Operator::If { .. } => {
                weight += locals + open.len() as u64;
                open.push(false);
            }
            Operator::End if open.pop() == Some(true) => open_loops -= 1,
            _ => {}
        }
    }
    Ok(weight)
}

fn invalid(error: &wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Invalid(error.to_string())
}
