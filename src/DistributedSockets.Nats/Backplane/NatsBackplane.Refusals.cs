using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>Finds out what the server refuses, such as a subject for which a permission is missing. It ends nothing else.</summary>
internal sealed partial class NatsBackplane
{
    private const int MaxHeard = 4_096;

    // Refusals that were handled when they were read, and how often; the client raises an event for each of them later.
    private readonly Dictionary<string, int> _heard = new(StringComparer.Ordinal);

    /// <summary>Takes a refusal in its place among what the server sends: over a connection of our own.</summary>
    private void OnRefusalRead(string error)
    {
        lock (_heard)
        {
            if (_heard.Count >= MaxHeard)
            {
                _heard.Clear();
            }

            _heard[error] = _heard.GetValueOrDefault(error) + 1;
        }

        OnRefusal(error, isInOrder: true);
    }

    /// <summary>Takes a refusal at some time after the server has sent it.</summary>
    private void OnRefusalTold(string error)
    {
        lock (_heard)
        {
            if (_heard.Remove(error, out var count))
            {
                if (count > 1)
                {
                    _heard[error] = count - 1;
                }

                return;
            }
        }

        OnRefusal(error, isInOrder: false);
    }

    private void OnRefusal(string error, bool isInOrder)
    {
        if (NatsErrors.IsSubscriptionLimit(error))
        {
            OnSubscriptionLimit(error);
        }
        else if (NatsViolation.Of(error) is { } violation)
        {
            OnViolation(violation, error, isInOrder);
        }
    }

    /// <remarks>It may be about what the app, or the client itself, does over the connection, which is no concern of ours.</remarks>
    private void OnViolation(NatsViolation violation, string error, bool isInOrder)
    {
        if (violation.Subject == _probeSubject)
        {
            LogServerError(error);
            _probeRefusal = new NatsServerException(error); // without the probe nothing works
        }
        else if (violation.Subject == _peerSubject || violation.Subject == _arrivalSubject)
        {
            LogServerError(error);
            OnPeersRefused(violation);
            OnUnreadable($"NATS refused what nodes of a cluster of servers find each other by: {error}. Nodes at other servers may not be heard.");
        }
        else if (violation.IsSubscription)
        {
            if (_channels.TryGetValue(NatsSubjects.ToChannel(violation.Subject), out var subscription))
            {
                OnRefused(subscription, error);
            }
        }
        else if (violation.Subject.StartsWith(_subjects, StringComparison.Ordinal))
        {
            _refusals.Add(violation.Subject, error);
            LogServerError(error);
            if (!isInOrder)
            {
                OnUnreadable($"NATS refused a message: {error}.");
            }
        }
    }

    private void OnRefused(NatsChannelSubscription subscription, string error)
    {
        if (subscription.Refuse(error) && _channels.TryRemove(new(subscription.Channel, subscription)))
        {
            WithdrawAsync(subscription).Observe();
            _receiver!.OnSubscriptionRefused(subscription.Channel, Refused(error));
        }
    }

    /// <remarks>The server does not say which subscription it refused. All that wait for it are suspect, and are asked for again.</remarks>
    private void OnSubscriptionLimit(string error)
    {
        LogServerError(error);
        var isExplained = false;
        foreach (var (_, subscription) in _channels)
        {
            if (!subscription.IsConfirmed)
            {
                isExplained = true;
                OnRefused(subscription, error);
            }
        }

        if (!isExplained)
        {
            OnUnreadable($"NATS refused a subscription: {error}. Raise the limit.");
        }
    }

    private static BackplaneRefusedException Refused(string words) =>
        new($"NATS refused a subscription: {words}. Give the NATS user the permission for it.");

    private void LogServerError(string error)
    {
        if (_errorLog.TryPass(out var others))
        {
            Log.ServerError(_logger, error, others);
        }
    }
}
