//! Placeholder.
use crate::model::Model;
pub(crate) fn render(_: &Model) -> Result<String, String> {
    Err(String::new())
}
