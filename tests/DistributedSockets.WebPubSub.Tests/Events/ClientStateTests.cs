namespace DistributedSockets.WebPubSub.Tests.Events;

public sealed class ClientStateTests
{
    public static TheoryData<string> States =>
    [
        """{"count":1}""",
        $$"""{"text":"{{new string('x', 1_500)}}"}""",
        $$"""{"text":"{{string.Concat(Enumerable.Repeat("é€😀", 150))}}"}""", // whose characters do not end where a part is full
    ];

    [Theory]
    [MemberData(nameof(States))]
    public void Write_AnyState_ReadsBackWithinTheLimitsOfProperties(string state)
    {
        var properties = new Dictionary<string, string>();

        ClientState.Write(properties, state);

        Assert.Equal(state, ClientState.Read(SessionProperties.Copy(properties)));
    }

    [Fact]
    public void Write_ShorterState_LeavesNothingOfTheOneBefore()
    {
        var properties = new Dictionary<string, string> { ["other"] = "stays" };
        ClientState.Write(properties, $$"""{"text":"{{new string('x', 1_000)}}"}""");

        ClientState.Write(properties, """{"a":1}""");

        Assert.Equal("""{"a":1}""", ClientState.Read(properties));
        ClientState.Write(properties, "{}");
        Assert.Equal(new Dictionary<string, string> { ["other"] = "stays" }, properties);
    }

    [Fact]
    public void Write_TooLong_SaysWhatToDo()
    {
        var exception = Assert.Throws<InvalidOperationException>(() => ClientState.Write(new Dictionary<string, string>(), $$"""{"text":"{{new string('x', ClientState.MaxBytes)}}"}"""));

        Assert.Contains("Keep a key to the data", exception.Message, StringComparison.Ordinal);
    }
}
