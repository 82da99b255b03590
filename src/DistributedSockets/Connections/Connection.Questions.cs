namespace DistributedSockets;

/// <summary>What its client is asked, and what is read ahead of the handler for the answers.</summary>
internal sealed partial class Connection
{
    private readonly OpenQuestions? _questions; // and the queue: where the hub has a matcher for answers
    private readonly InboundQueue? _inbound;

    /// <summary>Whether the client has been asked something and has not answered yet.</summary>
    internal bool IsAsked => _questions is { AreOpen: true };

    /// <summary>How many messages wait for the handler, that were read because the client has been asked something.</summary>
    internal int WaitingMessages => _inbound?.Count ?? 0;

    /// <summary>Asks the client something and waits for its answer. The question is queued within the call.</summary>
    /// <param name="id">The id by which the hub's matcher finds the answer.</param>
    /// <param name="question">The question, copied within the call.</param>
    /// <param name="timeout">How long to wait.</param>
    /// <param name="cancellationToken">Gives up the question.</param>
    /// <exception cref="ArgumentException">A text message is no valid UTF-8.</exception>
    internal async Task<CommandAnswer> AskAsync(string id, WebSocketMessage question, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (_questions is null || _inbound is null)
        {
            return new(RemoteCommandOutcome.NoMatcher);
        }

        var refusal = _questions.Open(id, out var open);
        if (refusal != RemoteCommandOutcome.Done)
        {
            return new(refusal);
        }

        try
        {
            _inbound.OnAsked(); // before the client can have got it
            if (!Enqueue(question) && _questions.Close(open))
            {
                return new(RemoteCommandOutcome.QueueFull);
            }

            return await open.Answer.WaitAsync(timeout, _services.Time, cancellationToken);
        }
        catch (TimeoutException)
        {
            return _questions.Close(open) ? new(RemoteCommandOutcome.NoAnswer) : await open.Answer; // answered at the last moment
        }
        finally
        {
            _questions.Close(open);
        }
    }

    /// <summary>Nothing more comes from the client: what it has been asked stays unanswered, and what came before that is still handled.</summary>
    private Task DrainInboundAsync()
    {
        _questions?.End();
        if (_inbound is null)
        {
            return Task.CompletedTask;
        }

        if (_inbound.IsHandling)
        {
            _request.Watch(this);
        }

        return _inbound.DrainAsync();
    }

    private void OnAnswered(ReceivedMessage answer)
    {
        answer.Release();
        if (answer.Id is { } id)
        {
            TellHandled(id, isRepeat: false);
        }
    }

    private void OnMatcherFailed(Exception exception)
    {
        _services.Metrics.HandlerFailed();
        _services.Log.MatcherFailed(Id, exception);
    }
}
