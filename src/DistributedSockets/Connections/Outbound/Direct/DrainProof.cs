using System.Buffers.Binary;
using System.Security.Cryptography;

namespace DistributedSockets;

/// <summary>Knows whether all that was written to the server's pipe has left it, so that a write past the pipe overtakes nothing.</summary>
/// <remarks>
/// A flush of the pipe says only that the bytes are in it. An answer says more: what the client sends first says that it has the answer to
/// its handshake, before which it may send nothing (RFC 6455 §4.1), and the pong to a ping with a payload that nobody can guess (§5.5.3)
/// says that it has all that was written before the ping. The writer calls in one thread at a time, the reader in another.
/// </remarks>
internal sealed class DrainProof(TimeProvider time)
{
    /// <summary>After how long another question is asked: a client may answer only the last of several pings.</summary>
    private static readonly TimeSpan s_giveUpAfter = TimeSpan.FromSeconds(10);

    /// <summary>For how long a connection that never stops writing may be held up, once, so that its pipe can run empty.</summary>
    private static readonly TimeSpan s_maxHold = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan s_retryAfterHold = TimeSpan.FromSeconds(10);

    /// <summary>How soon it is asked again after an answer that came too late; twice as long each time.</summary>
    private static readonly TimeSpan s_minPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_maxPause = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private volatile bool _isDrained;
    private Question _question;
    private PongSearch _search;
    private bool _isPiped; // something that no answer stands for yet
    private bool _isPipedSinceAsked;
    private long _askedAt;
    private TimeSpan? _roundTrip;
    private long _heldAt;
    private long _answeredAt;
    private TimeSpan _pause; // since then, before another question
    private TaskCompletionSource? _answered;

    private enum Question
    {
        None,
        Made,
        Asked,
    }

    /// <summary>Whether the pipe is empty, and stays so until the writer says otherwise.</summary>
    internal bool IsDrained => _isDrained;

    /// <summary>The writer is about to write to the pipe; false if it need not, since the pipe is empty.</summary>
    internal bool TryPipe()
    {
        if (_isDrained)
        {
            return false;
        }

        lock (_gate)
        {
            if (_isDrained)
            {
                return false;
            }

            _isPiped = _isPipedSinceAsked = true;
            return true;
        }
    }

    /// <summary>The socket has not taken all, and the rest goes into the pipe.</summary>
    internal void Refill()
    {
        lock (_gate)
        {
            _isDrained = false;
            _isPiped = _isPipedSinceAsked = true;
        }
    }

    /// <summary>Makes the payload of the ping that asks whether the pipe is empty; false if there is no need, or one is on its way.</summary>
    internal bool TryMakeQuestion(Span<byte> payload)
    {
        lock (_gate)
        {
            if (_isDrained
                || !_isPiped
                || _question == Question.Made
                || (_question == Question.Asked && time.GetElapsedTime(_askedAt) < s_giveUpAfter)
                || (_pause > TimeSpan.Zero && time.GetElapsedTime(_answeredAt) < _pause))
            {
                return false;
            }

            RandomNumberGenerator.Fill(payload);
            _search = new(BinaryPrimitives.ReadUInt64LittleEndian(payload));
            _question = Question.Made;
            return true;
        }
    }

    /// <summary>The ping is the last that was written: to the pipe, or else the question has answered itself.</summary>
    internal void OnQuestionWritten(bool isPiped)
    {
        lock (_gate)
        {
            _question = isPiped ? Question.Asked : Question.None;
            _isPipedSinceAsked = false;
            _askedAt = time.GetTimestamp();
        }
    }

    /// <summary>Waits for the answer where it may be expected soon, and others came too late: what never stops writing would otherwise never know.</summary>
    internal Task HoldAsync()
    {
        lock (_gate)
        {
            if (_question != Question.Asked || _roundTrip is not { } roundTrip || !MayHoldLocked())
            {
                return Task.CompletedTask;
            }

            _roundTrip = null;
            _heldAt = time.GetTimestamp();
            _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
            var wait = (2 * roundTrip) + TimeSpan.FromMilliseconds(1);
            return WaitAsync(_answered.Task, wait < s_maxHold ? wait : s_maxHold);
        }
    }

    /// <summary>The client has sent something.</summary>
    /// <param name="bytes">What came, as it came.</param>
    /// <returns>Whether to ask again, as more was written meanwhile.</returns>
    internal bool OnRead(ReadOnlySpan<byte> bytes)
    {
        if (_isDrained)
        {
            return false;
        }

        lock (_gate)
        {
            if (!_isPiped)
            {
                _isDrained = true; // nothing was written but the answer to the handshake, which the client has
                return false;
            }

            if (_question != Question.Asked || !_search.IsFoundIn(bytes))
            {
                return false;
            }

            _question = Question.None;
            _isPiped = _isPipedSinceAsked;
            _isDrained = !_isPiped;
            _pause = _isDrained ? TimeSpan.Zero : _pause;
            _roundTrip = _isPiped && time.GetElapsedTime(_askedAt) is var roundTrip && roundTrip <= s_maxHold / 2 ? roundTrip : null;
            _answered?.TrySetResult();
            _answered = null;
            return _isPiped && MayAskAtOnceLocked();
        }
    }

    /// <summary>
    /// Whether another question has better prospects than the last one, since writing can wait for its answer. Else the next answer would
    /// come too late again, one ping for each round trip.
    /// </summary>
    private bool MayAskAtOnceLocked()
    {
        if (_roundTrip is not null && MayHoldLocked())
        {
            return true;
        }

        _answeredAt = time.GetTimestamp();
        _pause = _pause < s_minPause ? s_minPause : _pause * 2 < s_maxPause ? _pause * 2 : s_maxPause;
        return false;
    }

    private bool MayHoldLocked() => _heldAt == 0 || time.GetElapsedTime(_heldAt) >= s_retryAfterHold;

    private async Task WaitAsync(Task answered, TimeSpan wait) =>
        await answered.WaitAsync(wait, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
