namespace DistributedSockets.WebPubSub.Tests;

public sealed class RecipientFilterTests
{
    private static readonly FakeRecipient s_anna = new("c-1", "Anna", "red", "it's");
    private static readonly FakeRecipient s_nobody = new("c-2", null);

    [Theory]
    // What it is about, without regard to case.
    [InlineData("userId eq 'Anna'", true, false)]
    [InlineData("USERID eq 'Anna'", true, false)]
    [InlineData("userId eq 'anna'", false, false)]
    [InlineData("connectionId eq 'c-2'", false, true)]
    [InlineData("connectionid ne 'c-2'", true, false)]
    [InlineData("'Anna' eq userId", true, false)]
    // Null.
    [InlineData("userId eq null", false, true)]
    [InlineData("userId ne null", true, false)]
    [InlineData("userId ne 'Bob'", true, true)]
    [InlineData("null eq null", true, true)]
    [InlineData("userId gt 'A'", true, false)]
    [InlineData("userId le 'Z'", true, false)]
    [InlineData("not (userId eq 'Anna')", false, true)]
    [InlineData("startswith(userId, 'A')", true, false)]
    [InlineData("not startswith(userId, 'A')", false, false)] // unknown for an anonymous one
    [InlineData("not startswith(userId, 'B')", true, false)]
    [InlineData("startswith(userId, 'A') eq null", false, true)]
    [InlineData("length(userId) eq null", false, true)]
    [InlineData("contains(null, 'a')", false, false)]
    [InlineData("startswith(userId, 'A') or connectionId eq 'c-2'", true, true)]
    [InlineData("connectionId eq 'c-2' or startswith(userId, 'B')", false, true)]
    [InlineData("not (startswith(userId, 'A') and connectionId eq 'c-9')", true, true)]
    [InlineData("not (startswith(userId, 'A') and connectionId eq 'c-2')", true, false)]
    // Order of strings and numbers.
    [InlineData("userId ge 'Anna' and userId le 'Anna'", true, false)]
    [InlineData("userId lt 'Anna' or userId gt 'Anna'", false, false)]
    [InlineData("userId lt 'a'", true, false)] // ordinally
    [InlineData("10 gt 9", true, true)]
    [InlineData("-1 lt 0", true, true)]
    [InlineData("9223372036854775807 ge -9223372036854775808", true, true)]
    // Groups.
    [InlineData("'red' in groups", true, false)]
    [InlineData("'Red' in groups", false, false)]
    [InlineData("'it''s' in groups", true, false)]
    [InlineData("not ('red' in groups)", false, true)]
    [InlineData("concat('r', 'ed') in GROUPS", true, false)]
    [InlineData("userId in groups", false, false)]
    [InlineData("null in groups", false, false)]
    [InlineData("length(groups) eq 2", true, false)]
    [InlineData("length(groups) lt 1", false, true)]
    // Lists.
    [InlineData("userId in ('Anna', 'Bob')", true, false)]
    [InlineData("userId in ('Bob')", false, false)]
    [InlineData("userId in (null)", false, true)]
    [InlineData("length(groups) in (0, 2)", true, true)]
    [InlineData("connectionId in (concat('c-', '1'), 'x')", true, false)]
    // Precedence.
    [InlineData("true or true and false", true, true)]
    [InlineData("(true or true) and false", false, false)]
    [InlineData("not true or true", true, true)]
    [InlineData("not (true or true)", false, false)]
    [InlineData("not false and false", false, false)]
    [InlineData("not true eq false", true, true)]
    [InlineData("not not true", true, true)]
    [InlineData("1 lt 2 eq true", true, true)]
    [InlineData("'a' in ('a') eq true", true, true)]
    // Functions.
    [InlineData("endswith(userId, 'na')", true, false)]
    [InlineData("contains(userId, 'nn')", true, false)]
    [InlineData("StartsWith(userId, '')", true, false)]
    [InlineData("indexof(userId, 'n') eq 1", true, false)]
    [InlineData("indexof('abc', 'x') eq -1", true, true)]
    [InlineData("length(userId) eq 4", true, false)]
    [InlineData("tolower(userId) eq 'anna'", true, false)]
    [InlineData("toupper('äb') eq 'ÄB'", true, true)]
    [InlineData("trim('  a ') eq 'a'", true, true)]
    [InlineData("concat(concat(userId, '-'), connectionId) eq 'Anna-c-1'", true, false)]
    [InlineData("substring('abcdef', 2) eq 'cdef'", true, true)]
    [InlineData("substring('abcdef', 2, 3) eq 'cde'", true, true)]
    [InlineData("substring('abc', 9) eq ''", true, true)]
    [InlineData("substring('abc', -5, 2) eq 'ab'", true, true)]
    [InlineData("substring('abc', 1, 9223372036854775807) eq 'bc'", true, true)]
    [InlineData("substring('abc', 1, -1) eq ''", true, true)]
    // Writing.
    [InlineData("  userId\teq\n'Anna' ", true, false)]
    [InlineData("(((userId eq 'Anna')))", true, false)]
    [InlineData("true", true, true)]
    [InlineData("false", false, false)]
    [InlineData("'''' eq concat('''', '')", true, true)]
    public void Filter_OfTheDocumentedSubset_MatchesWhoItMeans(string filter, bool anna, bool nobody)
    {
        var parsed = RecipientFilter.Parse(filter);

        Assert.Equal((anna, nobody), (parsed.Matches(s_anna), parsed.Matches(s_nobody)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("userId")]
    [InlineData("'true'")]
    [InlineData("null")]
    [InlineData("groups")]
    [InlineData("length(userId)")]
    [InlineData("not userId")]
    [InlineData("not userId eq 'a'")]
    [InlineData("not null")]
    [InlineData("userId eq")]
    [InlineData("eq 'a'")]
    [InlineData("userId = 'a'")]
    [InlineData("userId == 'a'")]
    [InlineData("userId eq 'a")]
    [InlineData("userId eq \"a\"")]
    [InlineData("userId eq 'a''")]
    [InlineData("userId eq 'a' and")]
    [InlineData("userId eq 'a' userId eq 'b'")]
    [InlineData("userId eq 'a' or 'b'")]
    [InlineData("'a' and true")]
    [InlineData("(userId eq 'a'")]
    [InlineData("userId eq 'a')")]
    [InlineData("()")]
    [InlineData("userId eq 1")]
    [InlineData("userId gt true")]
    [InlineData("true gt false")]
    [InlineData("groups eq null")]
    [InlineData("groups eq 'a'")]
    [InlineData("contains(groups, 'a')")]
    [InlineData("1 in groups")]
    [InlineData("groups in groups")]
    [InlineData("userId in 'a'")]
    [InlineData("userId in userId")]
    [InlineData("userId in ()")]
    [InlineData("userId in ('a',)")]
    [InlineData("userId in ('a' 'b')")]
    [InlineData("userId in (1)")]
    [InlineData("userId in (groups)")]
    [InlineData("startswith(userId)")]
    [InlineData("startswith(userId, 'a', 'b')")]
    [InlineData("startswith userId, 'a'")]
    [InlineData("startswith(1, 'a')")]
    [InlineData("startswith()")]
    [InlineData("length(length(userId)) eq 1")]
    [InlineData("substring(userId, 'a') eq 'a'")]
    [InlineData("unknown(userId)")]
    [InlineData("name eq 'a'")]
    [InlineData("user.Id eq 'a'")]
    [InlineData("9223372036854775808 gt 1")]
    [InlineData("- eq 1")]
    [InlineData("--1 eq 1")]
    [InlineData("1.5 eq 1")]
    [InlineData("1a eq 1")]
    [InlineData("userId eq 'a'; true")]
    [InlineData("userId eq 'a'\0")]
    [InlineData("userId eq ä")]
    public void Filter_ThatIsNone_IsRefused(string filter) => Assert.Throws<FormatException>(() => RecipientFilter.Parse(filter));

    [Fact]
    public void Filter_OfAHundredConditions_IsTakenAndOneMoreRefused()
    {
        static string Conditions(int count) => string.Join(" or ", Enumerable.Range(0, count).Select(static i => $"userId eq 'user {i}'"));

        Assert.True(RecipientFilter.Parse(Conditions(FilterParser.MaxClauses)).Matches(new FakeRecipient("c", "user 99")));
        Assert.Contains("100 conditions", Assert.Throws<FormatException>(() => RecipientFilter.Parse(Conditions(FilterParser.MaxClauses + 1))).Message);
        Assert.Throws<FormatException>(() => RecipientFilter.Parse("true" + string.Concat(Enumerable.Repeat(" eq true", 101))));
    }

    [Theory]
    [InlineData("(", ")", "true")]
    [InlineData("not ", "", "true")]
    [InlineData("concat('', ", ") eq 'a'", "''")]
    public void Filter_NestedTooDeep_IsRefused(string open, string close, string inner)
    {
        static string Repeat(string text, int count) => string.Concat(Enumerable.Repeat(text, count));
        var (closing, end) = close.IndexOf(' ', StringComparison.Ordinal) is > 0 and var at ? (close[..at], close[at..]) : (close, "");

        RecipientFilter.Parse(Repeat(open, FilterParser.MaxDepth) + inner + Repeat(closing, FilterParser.MaxDepth) + end);
        Assert.Throws<FormatException>(() => RecipientFilter.Parse(Repeat(open, FilterParser.MaxDepth + 1) + inner + Repeat(closing, FilterParser.MaxDepth + 1) + end));
        Assert.Throws<FormatException>(() => RecipientFilter.Parse(Repeat(open, 100_000)));
    }

    [Fact]
    public void Filter_OfAGroupWithALongName_FindsItByItsNameWithin()
    {
        var group = new string('ä', 500);

        Assert.True(RecipientFilter.Parse($"'{group}' in groups").Matches(new FakeRecipient("c", null, GroupNames.ToCore(group))));
    }
}
