namespace Chat;

/// <summary>A command cannot be done as the page asked. The message is for people.</summary>
internal sealed class ChatException(string message) : Exception(message);
