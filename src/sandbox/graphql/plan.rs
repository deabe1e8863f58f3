//! Turns the selection of a valid operation into a plain tree: merges fragments, applies directives, and replaces
//! variables by their values.
//!
//! Execution then follows that tree of [`SelectedField`]s. Its response keys are in the order of the selection, as in
//! answers of graphql-js.

use apollo_compiler::ast;
use apollo_compiler::executable::{DirectiveList, Field, Operation, Selection, SelectionSet};
use apollo_compiler::response::JsonMap;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Node};
use serde_json::{Map, Value};

use crate::sandbox::graphql::question::SandboxQuestion;
use crate::sandbox::graphql::reading::SchemaMeaning;
use crate::sandbox::graphql::selection::{FieldMeaning, SelectedField, Side};
use crate::sandbox::graphql::synonyms::Member;

/// A root field of a request, which asks one question.
#[derive(Debug)]
pub struct Root {
    /// The root field, with everything selected below it.
    pub pick: SelectedField,
    /// The arguments of the root field. Variables are replaced by their values, and defaults are added.
    pub arguments: Map<String, Value>,
    /// The question that the root field asks.
    pub question: SandboxQuestion,
    /// The error message if the field cannot be answered because a variable is null where null is not allowed.
    pub wrong: Option<String>,
}

impl Root {
    /// Returns `true` for the root fields `__schema` and `__type`.
    pub fn is_introspection(&self) -> bool {
        matches!(self.pick.name.as_str(), "__schema" | "__type")
    }
}

/// What is needed to plan one operation.
struct Planner<'a> {
    reading: &'a SchemaMeaning,
    document: &'a ExecutableDocument,
    variables: &'a JsonMap,
}

/// Returns the root fields of an operation, each with its selection and its question.
pub fn roots(
    reading: &SchemaMeaning,
    document: &Valid<ExecutableDocument>,
    operation: &Operation,
    variables: &Valid<JsonMap>,
) -> Vec<Root> {
    let planner = Planner { reading, document, variables };
    let on = operation.selection_set.ty.as_str();
    let fields = planner.collect(&[&operation.selection_set]);
    fields
        .into_iter()
        .map(|(alias, nodes)| {
            let arguments = planner.arguments(nodes[0]);
            let question = reading.question(on, &nodes[0].name, &arguments);
            let mut pick = planner.pick(alias, &nodes, on, Side::Envelope(question.stream()));
            if pick.leaf && matches!(question, SandboxQuestion::Token { .. }) {
                pick.part = FieldMeaning::Member(Member::Token);
            }
            Root { pick, arguments, question, wrong: planner.null_argument(nodes[0]) }
        })
        .collect()
}

impl<'a> Planner<'a> {
    fn pick(&self, alias: &str, nodes: &[&'a Node<Field>], on: &str, side: Side) -> SelectedField {
        let field = nodes[0];
        let ty = field.ty().inner_named_type().as_str();
        let below = self.reading.below(side, ty);
        let sets: Vec<&SelectionSet> = nodes.iter().map(|f| &f.selection_set).collect();
        let picks = self.collect(&sets).into_iter().map(|(alias, nodes)| self.pick(alias, &nodes, ty, below)).collect();
        SelectedField { picks, ..self.reading.pick(alias, &field.definition, on, side) }
    }

    /// Groups the fields of the selection sets by response key, in the order in which the keys first occur.
    fn collect(&self, sets: &[&'a SelectionSet]) -> Vec<(&'a str, Vec<&'a Node<Field>>)> {
        let mut fields = Vec::new();
        for set in sets {
            self.collect_into(set, set.ty.as_str(), &mut fields);
        }
        fields
    }

    fn collect_into(&self, set: &'a SelectionSet, ty: &str, fields: &mut Vec<(&'a str, Vec<&'a Node<Field>>)>) {
        for selection in &set.selections {
            if !self.wanted(selection.directives()) {
                continue;
            }
            match selection {
                Selection::Field(field) => {
                    let key = field.response_key().as_str();
                    match fields.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, nodes)) => nodes.push(field),
                        None => fields.push((key, vec![field])),
                    }
                }
                Selection::InlineFragment(fragment) => {
                    if fragment.type_condition.as_ref().is_none_or(|c| self.applies(c, ty)) {
                        self.collect_into(&fragment.selection_set, ty, fields);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    if let Some(fragment) = fragment.filter(|f| self.applies(&f.selection_set.ty, ty)) {
                        self.collect_into(&fragment.selection_set, ty, fields);
                    }
                }
            }
        }
    }

    fn applies(&self, condition: &str, ty: &str) -> bool {
        condition == ty || self.reading.types.is_subtype(condition, ty)
    }

    /// Returns whether a field is selected, according to its `@skip` and `@include`.
    fn wanted(&self, directives: &DirectiveList) -> bool {
        let holds = |name: &str| {
            let value = directives.get(name)?.specified_argument_by_name("if")?;
            self.value(value)?.as_bool()
        };
        holds("skip") != Some(true) && holds("include") != Some(false)
    }

    fn arguments(&self, field: &Field) -> Map<String, Value> {
        let mut arguments = Map::new();
        for definition in &field.definition.arguments {
            let given = field.specified_argument_by_name(&definition.name).and_then(|value| self.value(value));
            let value = given.or_else(|| definition.default_value.as_ref().and_then(|value| self.value(value)));
            let value = value.map(|value| self.completed(definition.ty.inner_named_type(), value));
            if let Some(value) = value {
                arguments.insert(definition.name.to_string(), value);
            }
        }
        arguments
    }

    /// Returns an input object with the defaults of its missing fields added. `ty` is the name of its type.
    fn completed(&self, ty: &str, mut value: Value) -> Value {
        if let (Value::Object(given), Some(ExtendedType::InputObject(input))) =
            (&mut value, self.reading.types.types.get(ty))
        {
            for (name, field) in &input.fields {
                let default = || field.default_value.as_ref().and_then(|value| self.value(value));
                if let Some(value) = given.remove(name.as_str()).or_else(default) {
                    given.insert(name.to_string(), self.completed(field.ty.inner_named_type(), value));
                }
            }
        }
        value
    }

    /// Returns an error message if a variable makes an argument null that must not be null. Validation accepts such a
    /// variable if it has a default.
    fn null_argument(&self, field: &Field) -> Option<String> {
        let null = field.arguments.iter().find(|given| {
            let required = field.definition.argument_by_name(&given.name).is_some_and(|d| d.ty.is_non_null());
            required && self.value(&given.value) == Some(Value::Null)
        })?;
        let ty = &field.definition.argument_by_name(&null.name)?.ty;
        Some(format!("Argument \"{}\" of non-null type \"{ty}\" must not be null.", null.name))
    }

    /// Returns a literal as JSON, with its variables replaced by their values. Returns `None` if a variable was not
    /// given.
    fn value(&self, value: &ast::Value) -> Option<Value> {
        Some(match value {
            ast::Value::Null => Value::Null,
            ast::Value::Enum(name) => Value::String(name.to_string()),
            ast::Value::Variable(name) => serde_json::to_value(self.variables.get(name.as_str())?).ok()?,
            ast::Value::String(text) => Value::String(text.clone()),
            ast::Value::Float(number) => serde_json::from_str(number.as_str()).ok()?,
            ast::Value::Int(number) => serde_json::from_str(number.as_str()).ok()?,
            ast::Value::Boolean(value) => Value::Bool(*value),
            ast::Value::List(items) => Value::Array(items.iter().filter_map(|item| self.value(item)).collect()),
            ast::Value::Object(fields) => Value::Object(
                fields.iter().filter_map(|(name, value)| Some((name.to_string(), self.value(value)?))).collect(),
            ),
        })
    }
}
