//! Which field names are sensitive.

use obs_redact::Redactor;

fn check(names: &str, expected: bool) {
    let redactor = Redactor::new();
    let wrong: Vec<_> = names
        .split_whitespace()
        .filter(|name| redactor.is_sensitive_field(name) != expected)
        .collect();
    assert_eq!(wrong, [""; 0], "should be sensitive: {expected}");
}

#[test]
fn names_of_secrets_are_sensitive_in_every_spelling() {
    check(
        "password Password PASSWORD passWord pAsSwOrD userPassword user_password user.password
         USER-PASSWORD user[password] password1 password_2 db.password.value passwords newpassword
         password_confirmation password_hash passwd htpasswd mysql_pwd pwd pass db_pass userPass
         passphrase pass_phrase passcode contraseña contrasena passwort
         secret secrets client_secret clientSecret CLIENT_SECRET secret_id topsecret secretKey
         token accessToken access_token refresh-token id_token csrfToken xsrf-token authtoken
         token.value x-vault-token oauth2_token JWTToken tokens access_tokens resetPasswordToken
         password_reset_token
         api_key apiKey APIKey API_KEY apikey x-api-key xApiKey api-keys openai_api_key X-Goog-Api-Key
         access_key access_key_id AWSAccessKeyId aws_secret_access_key private_key privateKey
         signing_key encryption-key master_key account_key ssh_key hmac_key app_key
         authorization Authorization proxy-authorization http.request.header.authorization x-auth
         authorization_code bearer jwt cf-access-jwt-assertion
         cookie cookies set-cookie Set-Cookie http.response.header.set-cookie
         session session_id sessionId SESSIONID user_session phpsessid JSESSIONID sid connect.sid
         credential credentials aws_credentials creds
         card_number cardNumber card_no credit_card creditCardNumber cc_number cvv CVV2 cvc
         ssn social_security_number otp totp pin pin_code userPin
         mfa_code verification-code recovery_codes backup_code two_factor_code 2fa_code
         connection_string connectionString ConnStr dsn SENTRY_DSN security_answer code_verifier
         client_assertion SAMLResponse _auth _authToken seed_phrase",
        true,
    );
}

#[test]
fn names_that_only_look_like_it_are_not() {
    check(
        "token_count tokenCount max_tokens maxTokens tokens_in input_tokens tokens_per_second
         gen_ai.usage.input_tokens gen_ai.usage.output_tokens prompt_tokens max_new_tokens
         token_type tokenType token_expires_at nextToken next_page_token page_token tokenizer
         token_bucket cancellation_token
         password_strength password_policy password_changed_at passwordless has_password
         is_password_set password_length password_min_length
         author authority authored authors passenger secretary pinch pineapple opinion spinning
         session_duration sessions session.count session_start
         monkey keyboard turkey public_key key cache_key foreign_key primary_key idempotency-key
         partition_key keys keynote
         salt compass trespass bypass cookies_enabled cookie_consent cookie_domain fortunecookies
         auth auth.method auth_method authentication csrf_valid csrf_enabled
         authorization_url authorization_endpoint credential_id api_key_id apiKeyName secret_name
         card card_brand card_expiry credit_card_last4 credit_card_type discard_number
         account_sid code status_code postcode zip_code error.code http.response.status_code
         id user.id request_id trace_id name user.name email title description prepMinutes
         signature sig pinned spin host_key passed bypass_count tokenized secretion a aa _ - 1 12 123
         é 日本語 url.full db.query.text connection connections string pan iban",
        false,
    );
    assert!(!Redactor::new().is_sensitive_field(""));
}

#[test]
fn a_sensitive_name_redacts_any_value() {
    let redactor = Redactor::new();
    for value in ["x", "", "12", "true", "[REDACTED] x", "é"] {
        assert_eq!(redactor.redact_field("password", value), "[REDACTED]");
    }
}

#[test]
fn other_names_leave_the_value_to_its_own_rules() {
    let redactor = Redactor::new();
    assert_eq!(
        redactor.redact_field("title", "Pasta al pesto"),
        "Pasta al pesto"
    );
    assert_eq!(
        redactor.redact_field("note", "Bearer abc123"),
        "Bearer [REDACTED]"
    );
}

#[test]
fn very_long_names_are_decided_by_all_their_words() {
    let redactor = Redactor::new();
    let long = "word_".repeat(10_000);
    assert!(redactor.is_sensitive_field(&format!("{long}password")));
    assert!(redactor.is_sensitive_field(&format!("password_{long}x")));
    assert!(!redactor.is_sensitive_field(&long));
}
