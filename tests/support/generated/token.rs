//! Generates the mutation that gives a token: plain arguments or an input object, a flat or nested answer, varied
//! names.

use std::fmt::Write as _;

use super::UNKNOWN;
use super::dice::Dice;

/// The dialect's settings for the token that discovery must find.
#[derive(Debug, PartialEq)]
#[allow(clippy::struct_field_names)] // the dialect's words
pub struct Token {
    pub operation: String,
    pub input: String,
    pub client_id: String,
    pub client_secret: String,
    pub access_token: String,
    pub expires_in: String,
    pub success: String,
    pub client_id_type: String,
    pub client_secret_type: String,
    pub constants: Vec<String>,
    pub open: Vec<&'static str>,
}

/// Returns the mutation that gives a token, together with mutations that only look like it.
pub fn generate(dice: &mut Dice, types: &mut String) -> (Token, String) {
    let operations = ["generateOAuthToken", "createToken", "getToken", "authenticate", "login", "issueAccessToken"];
    let mut token = Token {
        operation: dice.of(&operations).into(),
        input: String::new(),
        client_id: dice.of(&["clientId", "client_id", "id", "apiKey"]).into(),
        client_secret: dice.of(&["clientSecret", "client_secret", "secret", "apiSecret"]).into(),
        access_token: dice.of(&["accessToken", "access_token", "token", "jwt"]).into(),
        expires_in: dice.of(&["", "expiresIn", "expires_in", "ttl"]).into(),
        success: String::new(),
        client_id_type: format!("{}!", dice.of(&["String", "ID"])),
        client_secret_type: format!("{}!", dice.of(&["String", "ID"])),
        constants: Vec::new(),
        open: Vec::new(),
    };
    let mut leaves = format!("{}: String{}", token.access_token, dice.mark());
    if !token.expires_in.is_empty() {
        let _ = write!(leaves, " {}: Int{}", token.expires_in, dice.mark());
    }
    let _ = writeln!(types, "type TokenLevel0 {{ {leaves} }}");
    let depth = dice.below(3);
    for level in 1..=depth {
        let name = dice.of(&["data", "result", "auth"]);
        let success = if level == depth && dice.chance(60) { " ok: Boolean! message: String" } else { "" };
        "ok".get(..if success.is_empty() { 0 } else { 2 }).unwrap_or_default().clone_into(&mut token.success);
        let _ = writeln!(types, "type TokenLevel{level} {{ {name}: TokenLevel{}{}{success} }}", level - 1, dice.mark());
        token.access_token.insert_str(0, &format!("{name}."));
        if !token.expires_in.is_empty() {
            token.expires_in.insert_str(0, &format!("{name}."));
        }
    }
    let pair = [(&token.client_id, &token.client_id_type), (&token.client_secret, &token.client_secret_type)];
    let mut given: Vec<String> =
        pair.map(|(name, ty)| format!("{name}: {}{}", ty.trim_end_matches('!'), dice.mark())).into();
    if dice.chance(30) {
        given.push("audience: String! = \"api\"".into());
    }
    if dice.chance(30) {
        let _ = writeln!(types, "enum Grant {{ CLIENT_CREDENTIALS }}");
        given.push("grantType: Grant!".into());
        token.constants.push("grantType".into());
    }
    if dice.chance(3) {
        given.push(format!("{}: String!", UNKNOWN[0]));
        token.open.push(UNKNOWN[0]);
    }
    let mut arguments = given.join(", ");
    if dice.chance(50) {
        token.input = dice.of(&["input", "data", "credentials"]).into();
        let _ = writeln!(types, "input TokenInput {{ {arguments} }}");
        arguments = format!("{}: TokenInput{}", token.input, dice.mark());
        token.constants.iter_mut().for_each(|path| path.insert_str(0, &format!("{}.", token.input)));
    }
    let mutation = format!(
        "  revokeToken({arguments}): Boolean\n  signIn(email: String!, password: String!): TokenLevel0\n  \
         {}({arguments}): TokenLevel{depth}{}\n",
        token.operation,
        dice.mark()
    );
    (token, mutation)
}
