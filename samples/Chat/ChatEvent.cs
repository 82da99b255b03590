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
    internal sealed record People(IReadOnlyList<string> Online) : ChatEvent;

    /// <summary>Someone has come online: the first of their connections began, on whatever node.</summary>
    /// <param name="Name">Who.</param>
    /// <param name="Number">Larger than that of any earlier change of the same person.</param>
    /// <param name="Epoch">Where the number counts from.</param>
    internal sealed record CameOnline(string Name, long Number, string Epoch) : ChatEvent;

    /// <summary>Someone has gone offline: the last of their connections ended, or its node died.</summary>
    /// <inheritdoc cref="CameOnline"/>
    internal sealed record WentOffline(string Name, long Number, string Epoch) : ChatEvent;

    /// <summary>Some comings and goings may have been missed: ask for everyone again.</summary>
    internal sealed record PeopleChanged : ChatEvent;

    /// <summary>A command was not done, or only in part.</summary>
    /// <param name="Command">Its type.</param>
    /// <param name="Reason">Why, for people.</param>
    /// <param name="Room">Its room, if it had one.</param>
    /// <param name="Temporary">Whether the same command may work in a while.</param>
    internal sealed record Refused(string? Command, string Reason, string? Room, bool Temporary) : ChatEvent;
}
