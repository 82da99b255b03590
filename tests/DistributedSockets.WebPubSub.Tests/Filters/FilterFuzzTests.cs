using System.Text;
using DistributedSockets.Fuzzing;

namespace DistributedSockets.WebPubSub.Tests;

/// <summary>Filters of anybody who may call the REST interface.</summary>
public sealed class FilterFuzzTests
{
    private static readonly string[] s_seeds =
    [
        "userId eq 'anna' and not ('red' in groups)",
        "startswith(tolower(userId), 'a''b') or connectionId in ('a', concat('b', 'c'), null)",
        "length(groups) gt -3 and (substring(userId, 1, 2) ne 'nn' or indexof(userId, trim(' n ')) le 12)",
        "not not (contains(userId, 'x') eq null) eq true",
    ];

    private static readonly string[] s_words =
    [
        "userId", "connectionId", "groups", "'a'", "''", "null", "true", "false", "1", "-9223372036854775808", "(", ")", ",", "eq", "ne", "lt", "le", "gt", "ge",
        "in", "not", "and", "or", "startswith", "endswith", "contains", "indexof", "length", "tolower", "toupper", "trim", "concat", "substring",
    ];

    private static readonly FakeRecipient[] s_recipients = [new("c", null), new("c", "anna", "red"), new("c", "\ud83d\ude00\0", "a", "")];

    [Fact]
    public void Parse_AnyBytes_IsAFilterOrSaysWhyNot() =>
        Fuzz.Bytes([.. s_seeds.Select(Encoding.UTF8.GetBytes)], 50_000, 400, static bytes => Check(Encoding.UTF8.GetString(bytes)));

    [Fact]
    public void Parse_AnyWords_IsAFilterOrSaysWhyNot()
    {
        var random = new Random(FuzzSettings.Seed);
        for (var i = 0; i < 20_000 * FuzzSettings.Factor; i++)
        {
            Check(string.Join(' ', Enumerable.Range(0, random.Next(1, 12)).Select(_ => s_words[random.Next(s_words.Length)])));
        }
    }

    private static void Check(string text)
    {
        RecipientFilter filter;
        try
        {
            filter = RecipientFilter.Parse(text);
        }
        catch (FormatException)
        {
            return;
        }

        foreach (var recipient in s_recipients)
        {
            filter.Matches(recipient);
        }
    }
}
