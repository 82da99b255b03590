using System.Text.Json.Serialization;

namespace Chat;

/// <summary>What a page receives.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(Welcome), "welcome")]
[JsonDerivedType(typeof(Joined), "joined")]
[JsonDerivedType(typeof(Left), "left")]
[JsonDerivedType(typeof(Said), "said")]
[JsonDerivedType(typeof(Direct), "direct")]
[JsonDerivedType(typeof(People), "people")]
[JsonDerivedType(typeof(CameOnline), "online")]
[JsonDerivedType(typeof(WentOffline), "offline")]
[JsonDerivedType(typeof(PeopleChanged), "people-changed")]
[JsonDerivedType(typeof(Refused), "refused")]
internal abstract record ChatEvent
{
    /// <summary>The connection is ready.</summary>
    internal sealed record Welcome(string User, string ConnectionId, string Node) : ChatEvent;

    /// <summary>This connection is in the room now.</summary>
    internal sealed record Joined(string Room) : ChatEvent;

    /// <summary>This connection has left the room.</summary>
    internal sealed record Left(string Room) : ChatEvent;

    /// <summary>Someone said something in a room.</summary>
    internal sealed record Said(string Room, string From, string Text, DateTimeOffset At) : ChatEvent;

    /// <summary>Someone said something to one user. The sender gets it as well.</summary>
    internal sealed record Direct(string From, string To, string Text, DateTimeOffset At) : ChatEvent;

    /// <summary>Everyone online, as the answer to the command <c>people</c>.</summary>
    internal sealed record People(IReadOnlyList<Person> Online) : ChatEvent;

    /// <summary>A connection of someone began.</summary>
    internal sealed record CameOnline(Person Person) : ChatEvent;

    /// <summary>A connection of someone ended, or its node died.</summary>
    internal sealed record WentOffline(string ConnectionId) : ChatEvent;

    /// <summary>Some comings and goings may have been missed: ask for everyone again.</summary>
    internal sealed record PeopleChanged : ChatEvent;

    /// <summary>A command was not done, or only in part.</summary>
    /// <param name="Command">Its type.</param>
    /// <param name="Reason">Why, for people.</param>
    /// <param name="Room">Its room, if it had one.</param>
    /// <param name="Temporary">Whether the same command may work in a while.</param>
    internal sealed record Refused(string? Command, string Reason, string? Room, bool Temporary) : ChatEvent;
}

/// <summary>One connection of someone who is online.</summary>
internal sealed record Person(string ConnectionId, string Name, string Node);
