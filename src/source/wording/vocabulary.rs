//! Lists the words that may be shown from a server's message: those of sentences about requests, queries, limits,
//! keys and failures. A word that people also write to one another is included only if such sentences cannot do
//! without it.

use std::collections::HashSet;
use std::sync::OnceLock;

const WORDS: &str = "
a about above accept accepted access account active additional after again against alias aliases all allow allowed already
also am an and another any api apollo app application are argument arguments array as ask at attempt attempts auth
authenticate authenticated authentication authorisation authorization authorize authorized available
back backend bad balance be because been before being below between block blocked body boolean both bound broken budget
burst but by bytes
cache call calls can cannot can't cast change changed characters check child circuit client close closed code collection
command complete complexity component condition conflict connect connection connections constraint contact contacts contain
contained contains content context conversation conversations cost could couldn't count create created credential
credentials current cursor customer
daily data database date day days db deadline decode default defined definition delete deleted denied deny depth deprecated
deserialize did didn't directive directives disabled do document documents does doesn't don't down due duplicate during
each either element elements empty enable enabled encountered end endpoint enough entity equal exactly enum error errors every exceed
exceeded exceeding exceeds exception execute executed execution exist existing exists expect expected expects expire expired
expires expiry external
fail failed fails failure failures fatal feature fetch field fields filter find first float for forbidden form format found
fragment fragments from full function
gateway general generate generated get given gone got grant granted graphql greater
had handle handler has have header headers health higher host hour hours http https
id identifier if ids ignored implemented in inactive include incorrect index inline input inputs insufficient int integer
integration internal interval into introspection invalid is isn't issue it item items its
json just
key keys kind known
large larger last later least left length less license like limit limited limits list lists load local lock locked log login
long longer lost lower
maintenance malformed manage many match matches max maximum may maybe memory message messages method middleware min minimum
minute minutes missing mode model module mongo mongodb mongoose more most must mutation mutations my
name named names need needed needs negative nested network new next no node nodes non none non-null non-nullable not nothing
null nullable number numbers
object objectid objects of off offset on once one only open operation operations operator option optional or order other out
outdated output over own owner
page page-size pages pagination parallel param parameter parameters parent parse parsed parser parsing part partial path
payload pending per permission permissions permitted person persons plan please pool position positive possible present
previous problem process processed processing produced production project property protocol provide provided provider public
queries query query's queue quota
range rate rate-limited reach reached read reason receive received record records reference referenced refresh refuse refused
reject rejected remain remaining remove removed rename replica reply request requested requesting requests require required
requires reset resolve resolved resolver resource resources response responses result results retry return returned revoked
right rights role root route row rows run running
same scalar schema scope scopes second seconds secret see selection selections send sent server server's servers service
session set shard short should shutdown sign signature since single size slow small smaller some something soon sort source
space specified staff start state statement status still stop storage store stored stream string strings subfields
subscription such suggestion support supported suspended syntax system
table take takes temporarily temporary than that the their them then there these they this those throttled throttling through
thrown time timed timeout times to today token tokens too took total transaction trial try type types
unable unauthenticated unauthorised unauthorized unavailable undefined under unexpected unhandled unique unknown unless
unprocessable unreachable unrecognised unrecognized unspecified unsupported until up update updated upgrade upstream url
usage use used user users using
valid validate validated validation value values variable variables version via
wait was wasn't we went were what when where which while who whole will window with within without won't words work worker
workspace would write wrong
yet you your
zero
getcontactlist getcontact getcustomerpersonlist getcustomerperson getconversationlist getconversation getmessages
getallconnectedplatformlist getwhatsappbusinesstemplatelist getwhatsappbusinesstemplate generateoauthtoken
token_expired unauthorized invalid_client insufficient_scopes rate_limited too_many_requests internal_server_error
bad_user_input graphql_validation_failed graphql_parse_failed __schema __type
";

/// Returns whether `word`, in lower case, is in the list.
pub(super) fn is_usual(word: &str) -> bool {
    static ALL: OnceLock<HashSet<&str>> = OnceLock::new();
    ALL.get_or_init(|| WORDS.split_whitespace().collect()).contains(word)
}
