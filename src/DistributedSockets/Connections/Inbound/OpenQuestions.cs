namespace DistributedSockets;

/// <summary>What one client has been asked and has not answered yet.</summary>
/// <param name="matcher">Finds the id of the question in a message, if it is an answer. It is the app's.</param>
/// <param name="max">How many may be open.</param>
/// <param name="onMatcherFailed">Told what the matcher threw. The message goes to the handler then, as one that is no answer.</param>
internal sealed class OpenQuestions(Func<WebSocketMessage, string?> matcher, int max, Action<Exception> onMatcherFailed)
{
    private readonly Lock _gate = new();
    private Dictionary<string, OpenQuestion>? _byId;
    private volatile int _count;
    private volatile bool _ended;

    /// <summary>Whether there are any, so that answers are looked for.</summary>
    internal bool AreOpen => _count > 0;

    /// <summary>Whether the client is gone, so that it answers nothing any more.</summary>
    internal bool HasEnded => _ended;

    /// <summary>Opens a question.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="question">The question. Pair it with <see cref="Close"/>.</param>
    /// <returns>Why it may not be asked, or <see cref="RemoteCommandOutcome.Done"/>.</returns>
    internal RemoteCommandOutcome Open(string id, out OpenQuestion question)
    {
        question = new(id);
        lock (_gate)
        {
            if (_ended)
            {
                return RemoteCommandOutcome.ClientGone;
            }

            _byId ??= new(StringComparer.Ordinal);
            if (_byId.Count >= max || !_byId.TryAdd(id, question))
            {
                return RemoteCommandOutcome.TooManyQuestions; // ids are random: one that is there has been sent twice
            }

            _count = _byId.Count;
            return RemoteCommandOutcome.Done;
        }
    }

    /// <summary>Takes a message if it answers an open question. Called with one message after the other.</summary>
    /// <param name="message">The message, which is copied.</param>
    internal bool TryAnswer(WebSocketMessage message) => AreOpen && IdIn(message) is { } id && Take(id)?.TryEnd(new(RemoteCommandOutcome.Answered, Copy(message))) == true;

    /// <summary>Gives up a question, unless it has ended; false if it has.</summary>
    internal bool Close(OpenQuestion question) => ReferenceEquals(Take(question.Id), question);

    /// <summary>Ends all of them, and refuses more: the client is gone.</summary>
    internal void End()
    {
        OpenQuestion[] open;
        lock (_gate)
        {
            _ended = true;
            open = _byId is { Count: > 0 } ? [.. _byId.Values] : [];
            _byId = null;
            _count = 0;
        }

        foreach (var question in open)
        {
            question.TryEnd(new(RemoteCommandOutcome.ClientGone));
        }
    }

    private static WebSocketMessage Copy(WebSocketMessage message) => new(message.Data.ToArray(), message.MessageType);

    private string? IdIn(WebSocketMessage message)
    {
        try
        {
            return matcher(message);
        }
        catch (Exception exception)
        {
            onMatcherFailed(exception);
            return null;
        }
    }

    private OpenQuestion? Take(string id)
    {
        lock (_gate)
        {
            if (_byId is null || !_byId.Remove(id, out var question))
            {
                return null;
            }

            _count = _byId.Count;
            return question;
        }
    }
}
