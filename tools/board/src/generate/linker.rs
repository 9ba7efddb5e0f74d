//! `link.ld`: the kernel's linker script, from its template.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};

use crate::model::Model;
use crate::plan::PAGE;
use crate::symbols::Value;

/// Renders the template with the sizes and addresses of the model.
pub(crate) fn render(model: &Model) -> Result<String, String> {
    let symbol = |name: &str| {
        model
            .symbols
            .iter()
            .find(|(own, _)| own == name)
            .and_then(|(_, value)| match value {
                Value::Int(value) => u64::try_from(*value).ok(),
                Value::Hex(value) => Some(*value),
                Value::Bool(_) | Value::String(_) => None,
            })
    };
    let environment = environment()
        .map_err(|error| format!("the template engine cannot be set up: {error:#}"))?;
    environment
        .render_str(
            &model.linker_template,
            context! {
                load_address => format!("{:#x}", model.board.load_address),
                kernel_size_max => format!("{:#x}", model.plan.kernel.size),
                stack_size => format!("{:#x}", symbol("STACK_SIZE").unwrap_or(0)),
                nr_cpus => model.board.cpus.len(),
                thread_stack_size => format!("{:#x}", symbol("THREAD_STACK_SIZE").unwrap_or(0)),
                thread_stacks => model.system.thread_stacks(),
                page_size => format!("{PAGE:#x}"),
            },
        )
        .map_err(|error| format!("the linker script's template is wrong: {error:#}"))
}

/// How all our templates are read: lines that are only a block leave nothing behind, and text is put in as
/// it is.
pub(super) fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    // A variable that is misspelt in a template must not become an empty address.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?,
    );
    Ok(environment)
}
