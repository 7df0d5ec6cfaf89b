//! The engine around a script, with its bounds. One is made for each call, which costs less than what a call may.

use super::MOST_SOURCE;
use super::values;
use super::words::Words;
use crate::domain::tasks::programs::Deed;
use crate::model::fault::{Fault, Outcome};
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicMapPackage, BasicMathPackage, BasicStringPackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{AST, CallFnOptions, Dynamic, Engine, EvalAltResult, ImmutableString, Map, OptimizationLevel, Position, Scope};
use std::fs::File;
use std::ops::{Range, RangeInclusive};
use std::os::unix::fs::FileExt;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// What is called for all that happens after the start.
pub(super) const ON_EVENT: &str = "on_event";
/// How long a call may take, and how many steps.
const TIME: Duration = Duration::from_secs(2);
const OPERATIONS: u64 = 500_000;
/// The time is looked at each so many steps.
const LOOK: u64 = 32;
/// How much the memory of the process may grow meanwhile, which is looked at each so many steps.
const MEMORY: u64 = 128 << 20;
const WEIGH: u64 = 1_024;
/// Functions that call each other.
const CALLS: usize = 32;
/// Expressions inside each other.
const DEPTH: usize = 32;
const VARIABLES: usize = 64;
const FUNCTIONS: usize = 256;
/// The most bytes of all strings of a value together.
pub(super) const STRING_BYTES: usize = 32 << 10;
/// The most elements of all arrays, and of all maps, of a value together.
const ELEMENTS: usize = 2_000;
const KEYS: usize = 1_000;
/// The most bytes of a text that tells why a script failed.
const MOST_TEXT: usize = 300;

/// What scripts can do by themselves: nothing that reaches out, nothing that waits, and nothing that holds more memory
/// than the sizes of values tell, as iterators of strings and functions with arguments of their own do.
struct Packages {
    arithmetic: ArithmeticPackage,
    arrays: BasicArrayPackage,
    functions: BasicFnPackage,
    maps: BasicMapPackage,
    mathematics: BasicMathPackage,
    strings: BasicStringPackage,
    more_strings: MoreStringPackage,
    logic: LogicPackage,
}

static PACKAGES: LazyLock<Packages> = LazyLock::new(|| Packages {
    arithmetic: ArithmeticPackage::new(),
    arrays: BasicArrayPackage::new(),
    functions: BasicFnPackage::new(),
    maps: BasicMapPackage::new(),
    mathematics: BasicMathPackage::new(),
    strings: BasicStringPackage::new(),
    more_strings: MoreStringPackage::new(),
    logic: LogicPackage::new(),
});

fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    PACKAGES.arithmetic.register_into_engine(&mut engine);
    PACKAGES.arrays.register_into_engine(&mut engine);
    PACKAGES.functions.register_into_engine(&mut engine);
    PACKAGES.maps.register_into_engine(&mut engine);
    PACKAGES.mathematics.register_into_engine(&mut engine);
    PACKAGES.strings.register_into_engine(&mut engine);
    PACKAGES.more_strings.register_into_engine(&mut engine);
    PACKAGES.logic.register_into_engine(&mut engine);
    engine.register_iterator::<Range<i64>>().register_iterator::<RangeInclusive<i64>>();
    replacing(&mut engine);
    engine
        .disable_symbol("eval")
        .disable_symbol("Fn")
        .disable_symbol("curry")
        .set_optimization_level(OptimizationLevel::None)
        .set_strict_variables(true)
        .set_max_call_levels(CALLS)
        .set_max_expr_depths(DEPTH, DEPTH)
        .set_max_operations(OPERATIONS)
        .set_max_variables(VARIABLES)
        .set_max_functions(FUNCTIONS)
        .set_max_string_size(STRING_BYTES)
        .set_max_array_size(ELEMENTS)
        .set_max_map_size(KEYS)
        .set_max_strings_interned(64);
    engine
}

/// Replacing in strings, whose result is measured before it is made.
fn replacing(engine: &mut Engine) {
    type Replaced = Result<(), Box<EvalAltResult>>;
    fn replace(text: &mut ImmutableString, from: &str, to: &str) -> Replaced {
        let more = text.matches(from).count().saturating_mul(to.len());
        if text.len().saturating_add(more) > 2 * STRING_BYTES {
            return Err(values::refused("the text is too large"));
        }
        *text = text.replace(from, to).into();
        Ok(())
    }
    fn letter(letter: char) -> String {
        letter.to_string()
    }
    engine.register_fn("replace", |text: &mut ImmutableString, from: &str, to: &str| replace(text, from, to));
    engine.register_fn("replace", |text: &mut ImmutableString, from: char, to: &str| replace(text, &letter(from), to));
    engine.register_fn("replace", |text: &mut ImmutableString, from: &str, to: char| replace(text, from, &letter(to)));
    engine.register_fn("replace", |text: &mut ImmutableString, from: char, to: char| replace(text, &letter(from), &letter(to)));
}

/// The bytes of memory that the process holds; None where the system does not say.
fn memory(status: &File) -> Option<u64> {
    let mut text = [0; 4_096];
    let length = status.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(text.get(..length)?).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

/// Looks at a call from time to time, and says when it must end.
fn watch(engine: &mut Engine) {
    let until = Instant::now() + TIME;
    let status = File::open("/proc/self/status").ok();
    let most = status.as_ref().and_then(memory).map(|before| before + MEMORY);
    engine.on_progress(move |step| {
        if step % LOOK == 0 && Instant::now() >= until {
            return Some("it takes too long".into());
        }
        // Sizes of values bound what one holds, but for the names in it; this bounds what all of them hold together.
        let grown = || status.as_ref().and_then(memory).zip(most).is_some_and(|(now, most)| now > most);
        (step % WEIGH == 0 && grown()).then(|| "it takes too much memory".into())
    });
}

/// A state in which nothing is.
pub(super) fn nothing() -> Dynamic {
    Map::new().into()
}

/// Compiles a source; the fault says in which line it is wrong.
pub(super) fn compile(source: &str) -> Outcome<AST> {
    if source.len() > MOST_SOURCE {
        return Err(Fault::quota("the script is too large"));
    }
    let ast = engine().compile(source).map_err(|error| Fault::bad(told(&error.0.to_string(), error.1)))?;
    // What stands outside of functions is run by nobody, and functions do not see what it would set.
    if !ast.has_functions() {
        return Err(Fault::bad("a script has no function"));
    }
    Ok(ast)
}

/// True where a script has this function for a state and one thing more.
pub(super) fn has(ast: &AST, function: &str) -> bool {
    ast.iter_functions().any(|known| known.name == function && known.params.len() == 2)
}

/// Calls a function. Gives what it returns and what it wants done.
pub(super) fn call(ast: &AST, function: &str, arguments: (Dynamic, Dynamic), words: Words) -> Outcome<(Dynamic, Vec<Deed>)> {
    let mut engine = engine();
    let wanted = words.teach(&mut engine);
    watch(&mut engine);
    let options = CallFnOptions::new().eval_ast(false);
    let result = engine.call_fn_with_options::<Dynamic>(options, &mut Scope::new(), ast, function, arguments);
    let result = result.map_err(|error| failure(*error))?;
    let bounded = engine.ensure_data_size_within_limits(&result);
    bounded.map_err(|error| failure(*error))?;
    values::check(&result).map_err(|why| Fault::bad(format!("what the script keeps is {why}")))?;
    Ok((result, wanted.take()))
}

fn failure(mut error: EvalAltResult) -> Fault {
    let mut inner = error.unwrap_inner();
    let position = inner.position();
    let text = match inner {
        EvalAltResult::ErrorTerminated(why, _) => why.to_string(),
        EvalAltResult::ErrorTooManyOperations(_) => "it takes too many steps".to_owned(),
        EvalAltResult::ErrorRuntime(thrown, _) => match thrown.clone().into_string() {
            Ok(text) => text,
            Err(kind) => format!("a value of type {kind} was thrown"),
        },
        _ => {
            // The text without the place, which is told in our own way.
            error.clear_position();
            inner = error.unwrap_inner();
            inner.to_string()
        }
    };
    Fault::bad(told(&text, position))
}

fn told(text: &str, position: Position) -> String {
    let text = text.get(..text.floor_char_boundary(MOST_TEXT)).unwrap_or_default();
    match (position.line(), position.position()) {
        (Some(line), Some(column)) => format!("line {line}, column {column}: {text}"),
        (Some(line), None) => format!("line {line}: {text}"),
        _ => text.to_owned(),
    }
}
